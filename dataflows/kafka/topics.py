"""The topics: create what is missing, check what is there, wait for the broker."""

import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple

from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # documented, not in __all__
    AdminClient,
    ConfigResource,
    NewTopic,
)

from conf import clients
from conf.settings import Settings

log = logging.getLogger(__name__)

KINDS = ("scores", "high_scores", "top_5", "rejected")
REQUEST_SECONDS = 10
LOG_SECONDS = 5
PAUSE_SECONDS = 0.2

_DAY_MS = 24 * 3600 * 1000
_ANY_TIME = {  # the other topics must accept every time that `scores` accepted
    "message.timestamp.type": "CreateTime",
    "message.timestamp.after.max.ms": str(2**63 - 1),
}
_TABLE = {  # stays close to the number of its keys: a restart reads it whole
    "cleanup.policy": "compact",
    "min.cleanable.dirty.ratio": "0.1",
    "segment.ms": str(7 * _DAY_MS),
    "max.compaction.lag.ms": str(7 * _DAY_MS),
    **_ANY_TIME,
}


class Topic(NamedTuple):
    """A topic as the broker has it. `id` is shortened; a topic that is recreated has a new one."""

    name: str
    id: str
    partitions: int
    config: Mapping[str, str]


class Unavailable(ConnectionError):  # noqa: N818 - what the broker or a topic is
    """The broker or a topic was not available in time."""


class WrongTopic(ValueError):  # noqa: N818 - what the topic is
    """The configuration of a topic would make results wrong; the message has the remedy."""


class Stopped(Exception):  # noqa: N818 - no error
    """The wait ended because the program stops."""


def creation(settings: Settings, kind: str) -> dict[str, str]:
    """Return the configuration that a topic of this kind is created with."""
    topics = settings.topics
    return {
        "scores": {
            "cleanup.policy": "delete",
            "retention.ms": str(topics.scores.retention_ms),
            "retention.bytes": "-1",
            "message.timestamp.type": "CreateTime",
        },
        "high_scores": {**_TABLE, "segment.bytes": str(64 * 2**20)},
        "top_5": {**_TABLE, "segment.bytes": str(4 * 2**20)},
        "rejected": {
            "cleanup.policy": "delete",
            "retention.ms": str(topics.rejected.retention_ms),
            "max.message.bytes": str(2 * 2**20),
            **_ANY_TIME,
        },
    }[kind]


def await_topics(
    settings: Settings, kinds: Iterable[str] = KINDS, *, stopping: Callable[[], bool] | None = None
) -> dict[str, Topic]:
    """Wait until the broker has these topics, create what is missing, and check them.

    The log says every 5 s what is waited for. `stopping` ends the wait within 0.2 s, or after the
    pending request (10 s at most).

    Raises:
        Unavailable: They are not there after `startup_timeout_seconds`.
        WrongTopic: The configuration of a topic would make results wrong.
        Stopped: `stopping` became true.
    """
    kinds = tuple(kinds)
    admin = AdminClient({**clients.client(settings), "log_level": "2"})
    deadline = time.monotonic() + settings.startup_timeout_seconds
    log_at = time.monotonic() + LOG_SECONDS
    while isinstance(found := _find(admin, settings, kinds), str):
        if stopping is not None and stopping():
            raise Stopped
        now = time.monotonic()
        if now >= deadline:
            msg = f"{found}: gave up after {settings.startup_timeout_seconds:g} s"
            raise Unavailable(msg)
        if now >= log_at:
            log.info("waiting for %s", found)
            log_at = now + LOG_SECONDS
        time.sleep(PAUSE_SECONDS)
    for kind, topic in found.items():
        _check(settings, kind, topic)
    return found


def _find(admin: AdminClient, settings: Settings, kinds: Collection[str]) -> dict[str, Topic] | str:
    """Return the topics, or what is to be waited for: a busy broker does not describe them."""
    missing = _missing(admin, settings, kinds)
    if missing:
        return missing
    try:
        return _describe(admin, settings, kinds)
    except KafkaException as error:
        return f"a description of the topics ({error.args[0].str()})"


def _missing(admin: AdminClient, settings: Settings, kinds: Collection[str]) -> str:
    """Return what is missing, after an attempt to create it; "" when nothing is."""
    try:
        there = admin.list_topics(timeout=1).topics
    except KafkaException as error:
        return f"the broker at {settings.bootstrap_servers} ({error.args[0].str()})"
    names = {getattr(settings.topics, kind).name: kind for kind in kinds}
    absent = [name for name in names if name not in there or not there[name].partitions]
    refused = _create(admin, settings, [names[name] for name in absent])
    return ", ".join(f"topic {name}{refused.get(name, '')}" for name in absent)


def _create(admin: AdminClient, settings: Settings, kinds: Collection[str]) -> dict[str, str]:
    if not kinds or not settings.create_topics:
        return {}
    new = [_new_topic(settings, kind) for kind in kinds]
    created = admin.create_topics(new, request_timeout=REQUEST_SECONDS)
    reasons = {name: future.exception(2 * REQUEST_SECONDS) for name, future in created.items()}
    for name in (name for name, reason in reasons.items() if reason is None):
        log.info("created topic %s", name)
    return {name: f" ({_text(reason)})" for name, reason in reasons.items() if reason is not None}


def _new_topic(settings: Settings, kind: str) -> NewTopic:
    wanted = getattr(settings.topics, kind)
    return NewTopic(
        wanted.name, wanted.partitions, wanted.replication, config=creation(settings, kind)
    )


def _text(reason: BaseException) -> str:
    return str(reason.args[0].str() if isinstance(reason, KafkaException) else reason)


def _describe(admin: AdminClient, settings: Settings, kinds: Collection[str]) -> dict[str, Topic]:
    names = {kind: getattr(settings.topics, kind).name for kind in kinds}
    wanted = TopicCollection(list(names.values()))
    described = admin.describe_topics(wanted, request_timeout=REQUEST_SECONDS)
    resources = {name: ConfigResource(ConfigResource.Type.TOPIC, name) for name in names.values()}
    configs = admin.describe_configs(list(resources.values()), request_timeout=REQUEST_SECONDS)
    found = {}
    for kind, name in names.items():
        topic = described[name].result(2 * REQUEST_SECONDS)
        config = configs[resources[name]].result(2 * REQUEST_SECONDS)
        values = {key: entry.value for key, entry in config.items()}
        found[kind] = Topic(name, short_id(topic.topic_id), len(topic.partitions), values)
    return found


def short_id(topic_id: object) -> str:
    """Shorten a topic's id to 8 characters, 48 random bits, in the alphabet of Kafka's tools."""
    return str(topic_id)[:8].replace("/", "_").replace("+", "-")


def _check(settings: Settings, kind: str, topic: Topic) -> None:
    wanted = getattr(settings.topics, kind)
    if topic.partitions != wanted.partitions:
        log.warning(
            "topic %s has %d partitions, the settings say %d: the topic is used as it is",
            topic.name,
            topic.partitions,
            wanted.partitions,
        )
    policy = topic.config.get("cleanup.policy", "")
    if kind in {"high_scores", "top_5"} and policy != "compact":
        msg = (
            f"topic {topic.name} has cleanup.policy={policy} and would lose users: set it to "
            f"compact (kafka-configs.sh --bootstrap-server {settings.bootstrap_servers} --alter "
            f"--entity-type topics --entity-name {topic.name} "
            "--add-config cleanup.policy=compact)"
        )
        raise WrongTopic(msg)
    if kind == "scores":
        _warn_of_loss(topic, policy)


def _warn_of_loss(topic: Topic, policy: str) -> None:
    kept = topic.config.get("retention.ms") == topic.config.get("retention.bytes") == "-1"
    if policy != "delete" or not kept:
        log.warning(
            "topic %s FORGETS SCORES (cleanup.policy=%s, retention.ms=%s, retention.bytes=%s): it "
            "is the source of truth, keep it for ever with cleanup.policy=delete, "
            "retention.ms=-1 and retention.bytes=-1",
            topic.name,
            policy,
            topic.config.get("retention.ms"),
            topic.config.get("retention.bytes"),
        )
