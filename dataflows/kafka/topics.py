"""The topics: create what is missing, check what is there, wait for the broker."""

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future, wait
from functools import lru_cache
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # documented, not in __all__
    AdminClient,
    ConfigResource,
    NewTopic,
)

from conf import clients
from conf.settings import Settings
from dataflows.kafka import rights
from dataflows.kafka.topic_config import corrections, creation, doubts

log = logging.getLogger(__name__)

REQUEST_SECONDS = 10
LOG_SECONDS = 5
PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5
HOLD_SECONDS = 15  # longer than a question may take


class Topic(NamedTuple):
    """A topic as the broker has it. `id` is shortened; a topic that is recreated has a new one."""

    name: str
    id: str
    partitions: int
    config: Mapping[str, str]
    replicas: int = 1  # of each partition, at least


class Unavailable(ConnectionError):  # noqa: N818 - what the broker or a topic is
    """The broker or a topic was not available in time."""


class WrongTopic(ValueError):  # noqa: N818 - what the topic is
    """The configuration of a topic would make results wrong; the message has the remedy."""


class _NotYet(Exception):  # noqa: N818 - a reason to wait
    """A topic is not there, or not described."""


class _Refused(_NotYet):
    """The broker refuses, for want of a right for example: it is asked less and less often."""


class Stopped(Exception):  # noqa: N818 - no error
    """The wait ended because the program stops."""


def await_topics(
    settings: Settings,
    kinds: Iterable[str] = (),
    *,
    stopping: Callable[[], bool] | None = None,
) -> dict[str, Topic]:
    """Wait until the broker has these topics, create what is missing, and check them.

    Without `kinds` these are all topics that the settings ask for. The log names the reason every
    5 s. `stopping` ends the wait within 0.2 s.

    Raises:
        Unavailable: They are not there after `startup_timeout_seconds`.
        WrongTopic: The configuration of a topic would make results wrong.
        Stopped: `stopping` became true.
    """
    names = {kind: settings.topics.of(kind).name for kind in kinds or settings.kinds}
    broker = _Broker(settings, stopping or (lambda: False))
    while True:
        try:
            topics = _ensure(broker, settings, names)
            found, brokers = _describe(broker, names, topics)
            break
        except _NotYet as missing:
            broker.pause(str(missing), grows=isinstance(missing, _Refused))
        except KafkaException as error:
            broker.pause(broker.reason(error))
    for kind, topic in found.items():
        _check(settings, kind, topic)
    _check_partitions(settings, found)
    _warn(_risks(settings, found, brokers))
    return found


class _Broker:
    """Asks the broker; all waits together are bounded by `startup_timeout_seconds`."""

    def __init__(self, settings: Settings, stopping: Callable[[], bool]) -> None:
        quiet: dict[str, Any] = {"log_level": "2", "error_cb": self._note_error}
        self.admin = AdminClient({**clients.admin(settings), **quiet})
        self._name = f"the broker at {settings.bootstrap_servers}"
        self._user = settings.kafka.get("sasl.username", "")
        self._pause = PAUSE_SECONDS
        self._stopping = stopping
        self._seconds = settings.startup_timeout_seconds
        self._deadline = time.monotonic() + self._seconds
        self._log_at = time.monotonic() + LOG_SECONDS
        self._error = ""

    def ask(self, asked: Mapping[Any, "Future[Any]"]) -> dict[Any, Any]:
        """Return each answer; that of a topic may be a KafkaException of the broker.

        Raises:
            KafkaException: There was no answer within 10 s.
        """
        while waiting := wait(asked.values(), PAUSE_SECONDS).not_done:
            try:
                self._check(self.reason())
            except (Stopped, Unavailable):
                # A client that is freed in the thread of its own answer ends the process.
                threading.Thread(target=_hold, args=(self.admin, waiting), daemon=True).start()
                raise
        found = {key: future.exception() or future.result() for key, future in asked.items()}
        for answer in found.values():
            if isinstance(answer, KafkaException) and answer.args[0].code() < 0:  # librdkafka's own
                raise answer
        self._error = ""
        return found

    def pause(self, reason: str, *, grows: bool = False) -> None:
        """Wait, twice as long as the last time where the pause grows, up to 5 s.

        `reason` is what the log and an error say.

        Raises:
            Stopped: The program stops.
            Unavailable: The time is up.
        """
        self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS) if grows else PAUSE_SECONDS
        end = time.monotonic() + self._pause
        while time.monotonic() < end:
            time.sleep(PAUSE_SECONDS)
            self._check(reason)

    def reason(self, error: KafkaException | None = None) -> str:
        """Name the broker, and what is known of why it does not answer."""
        return f"{self._name} ({self._error or (error and error.args[0].str()) or 'no answer yet'})"

    def _check(self, reason: str) -> None:
        self.admin.poll(0)
        now = time.monotonic()
        if self._stopping():
            raise Stopped
        if now >= self._deadline:
            msg = f"{reason}: gave up after {self._seconds:g} s"
            raise Unavailable(msg)
        if now >= self._log_at:
            log.info("waiting for %s", reason)
            self._log_at = now + LOG_SECONDS

    def _note_error(self, error: KafkaError) -> None:
        if error.code() == KafkaError._AUTHENTICATION:  # noqa: SLF001 - its public name
            self._error = f"it refuses the user {self._user!r} or the password: {error.str()}"
        elif error.code() != KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001
            self._error = error.str()


def _hold(_client: AdminClient, waiting: Collection["Future[Any]"]) -> None:
    """Keep a client until its questions are answered, or are too late, and a second longer."""
    wait(waiting, HOLD_SECONDS)
    time.sleep(1)


def _ensure(broker: _Broker, settings: Settings, names: Mapping[str, str]) -> dict[str, Any]:
    """Return a description of each topic by name, or create what is missing.

    Only these topics are asked for: a cluster may have thousands. The question creates none.

    Raises:
        _NotYet: Something was missing.
    """
    wanted = TopicCollection(list(names.values()))
    found = broker.ask(broker.admin.describe_topics(wanted, request_timeout=REQUEST_SECONDS))
    refusals = {name: _refusal(name, answer, "Describe") for name, answer in found.items()}
    absent = [kind for kind, name in names.items() if refusals[name] == ""]
    if absent and settings.create_topics:
        like = found.get(settings.topics.high_scores.name)  # tables are partitioned alike
        new = [_new_topic(settings, kind, getattr(like, "partitions", ())) for kind in absent]
        created = broker.ask(broker.admin.create_topics(new, request_timeout=REQUEST_SECONDS))
        for name, answer in created.items():
            refusals[name] = _refusal(name, answer, "Create") or ""
            if answer is None:
                log.info("created topic %s", name)
    missing = [each or f"topic {name}" for name, each in refusals.items() if each is not None]
    if missing:
        raise (_Refused if any(refusals.values()) else _NotYet)(", ".join(missing))
    return found


def _refusal(name: str, answer: object, operation: str) -> str | None:
    """Return what there must be first: "" for the topic, unknown or new; None where it is there."""
    if not isinstance(answer, KafkaException):
        return None if getattr(answer, "partitions", ()) else ""
    error = answer.args[0]
    if error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
        return ""
    if rights.is_missing(error):
        return rights.explain(error, operation, name)
    return f"topic {name} ({error.str()})"


def _new_topic(settings: Settings, kind: str, like: Sequence[object]) -> NewTopic:
    wanted = settings.topics.of(kind)
    config = creation(settings, kind, clients.batch_bytes(settings))
    partitions = (kind in settings.tables and len(like)) or wanted.partitions
    return NewTopic(wanted.name, partitions, wanted.replication, config=config)


def _describe(
    broker: _Broker, names: Mapping[str, str], topics: Mapping[str, Any]
) -> tuple[dict[str, Topic], int]:
    """Return the topics by kind, and the number of brokers (0: unknown).

    Raises:
        KafkaException: There was no answer.
        _Refused: The broker refuses to describe a topic.
    """
    admin = broker.admin
    resources = {name: ConfigResource(ConfigResource.Type.TOPIC, name) for name in names.values()}
    asked = admin.describe_configs(list(resources.values()), request_timeout=REQUEST_SECONDS)
    cluster = admin.describe_cluster(request_timeout=REQUEST_SECONDS)
    answers = broker.ask({**asked, "cluster": cluster})
    brokers = len(getattr(answers["cluster"], "nodes", ()))
    found = {
        kind: _topic(name, topics[name], answers[resources[name]]) for kind, name in names.items()
    }
    return found, brokers


def _topic(name: str, topic: Any, config: Any) -> Topic:  # noqa: ANN401 - not typed
    if isinstance(config, KafkaException):
        raise _Refused(_refusal(name, config, "DescribeConfigs"))
    values = {key: entry.value for key, entry in config.items()}
    replicas = min(len(partition.replicas) for partition in topic.partitions)
    return Topic(name, short_id(topic.topic_id), len(topic.partitions), values, replicas)


def short_id(topic_id: object) -> str:
    """Shorten a topic's id to 8 characters, 48 random bits, in the alphabet of Kafka's tools."""
    return str(topic_id)[:8].replace("/", "_").replace("+", "-")


def _risks(settings: Settings, found: Mapping[str, Topic], brokers: int) -> str:
    """Return in one line why messages of these topics may be lost, "" where none may."""
    return "; ".join(
        f"{topic.name} {doubt}{_command(settings, topic, remedy)}"
        for kind, topic in found.items()
        for doubt, remedy in doubts(kind, topic.config, topic.replicas, brokers)
    )


@lru_cache(maxsize=100)
def _warn(risks: str) -> None:
    """Warn once: several parts of the web app wait for the same topics, and again every minute."""
    if risks:
        log.warning("acknowledged messages may be lost: %s", risks)


def _check(settings: Settings, kind: str, topic: Topic) -> None:
    wanted = settings.topics.of(kind)
    if topic.partitions != wanted.partitions:
        log.warning(
            "topic %s has %d partitions, the settings say %d: the topic is used as it is",
            topic.name,
            topic.partitions,
            wanted.partitions,
        )
    batch_bytes = clients.batch_bytes(settings)
    wrong = corrections(
        settings, kind, topic.config, replicas=topic.replicas, batch_bytes=batch_bytes
    )
    if wrong:
        now = ", ".join(f"{name}={topic.config.get(name)}" for name in wrong)
        command = _command(settings, topic, wrong)
        msg = f"topic {topic.name} has {now}, with which results would be wrong or lost{command}"
        raise WrongTopic(msg)


def _check_partitions(settings: Settings, topics: Mapping[str, Topic]) -> None:
    """Check that a user has the same shard on every board."""
    tables = [topic for kind, topic in topics.items() if kind in settings.tables]
    most = max(tables, key=lambda table: table.partitions, default=None)
    for table in tables:
        if most and table.partitions != most.partitions:
            msg = (
                f"topic {table.name} has {table.partitions} partitions, {most.name} has "
                f"{most.partitions}: end the flows, then kafka-topics.sh --bootstrap-server "
                f"{settings.bootstrap_servers} --alter --topic {table.name} --partitions "
                f"{most.partitions}, and python -m dataflows.rekey"
            )
            raise WrongTopic(msg)


def _command(settings: Settings, topic: Topic, remedy: Mapping[str, str]) -> str:
    if not remedy:
        return ""
    added = ",".join(f"{name}={value}" for name, value in remedy.items())
    return (
        f": kafka-configs.sh --bootstrap-server {settings.bootstrap_servers} --alter "
        f"--entity-type topics --entity-name {topic.name} --add-config {added}"
    )
