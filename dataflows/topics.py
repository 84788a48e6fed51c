"""The topics: create what is missing, check what is there, wait for the broker.

    python -m dataflows.topics

shows them, and creates what is missing where the setting `create_topics` allows it.
"""

import logging
import sys
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
from conf.settings import InvalidSettings, Settings, load

log = logging.getLogger(__name__)

KINDS = ("scores", "high_scores", "top_5", "rejected")
REQUEST_SECONDS = 10
SAY_SECONDS = 5
PAUSE_SECONDS = 0.2

_DAY_MS = 24 * 3600 * 1000
_ANY_TIME = {  # what `scores` took, the others take
    "message.timestamp.type": "CreateTime",
    "message.timestamp.after.max.ms": str(2**63 - 1),
}
_TABLE = {  # stays near the number of its keys: a restart reads it whole
    "cleanup.policy": "compact",
    "min.cleanable.dirty.ratio": "0.1",
    "segment.ms": str(7 * _DAY_MS),
    "max.compaction.lag.ms": str(7 * _DAY_MS),
    **_ANY_TIME,
}


class Topic(NamedTuple):
    """A topic as the broker has it: `id` is the shortened id, new when it is made anew."""

    name: str
    id: str
    partitions: int
    config: Mapping[str, str]


class Unavailable(ConnectionError):  # noqa: N818 - what the broker or a topic is
    """The broker or a topic was not there in time."""


class WrongTopic(ValueError):  # noqa: N818 - what the topic is
    """A topic is set up so that the results would be wrong; the text says how to mend it."""


class Stopped(Exception):  # noqa: N818 - no error
    """The wait ended because the program is to stop."""


def creation(settings: Settings, kind: str) -> dict[str, str]:
    """Give the configuration that a topic of this kind is created with."""
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
    """Wait until the broker has these topics, creating what is missing, and check them.

    Says every 5 s what it waits for. `stopping` ends the wait within 0.2 s, unless a request is
    under way (at most 10 s).

    Raises:
        Unavailable: Not there after `startup_timeout_seconds`.
        WrongTopic: A topic would give wrong results as it is set up.
        Stopped: `stopping` became true.
    """
    kinds = tuple(kinds)
    admin = AdminClient({**clients.client(settings), "log_level": "2"})
    deadline = time.monotonic() + settings.startup_timeout_seconds
    say_at = time.monotonic() + SAY_SECONDS
    while isinstance(found := _find(admin, settings, kinds), str):
        if stopping is not None and stopping():
            raise Stopped
        now = time.monotonic()
        if now >= deadline:
            msg = f"{found}: gave up after {settings.startup_timeout_seconds:g} s"
            raise Unavailable(msg)
        if now >= say_at:
            log.info("waiting for %s", found)
            say_at = now + SAY_SECONDS
        time.sleep(PAUSE_SECONDS)
    for kind, topic in found.items():
        _check(settings, kind, topic)
    return found


def _find(admin: AdminClient, settings: Settings, kinds: Collection[str]) -> dict[str, Topic] | str:
    """Give the topics, or say what is to be waited for: a busy broker does not describe them."""
    missing = _missing(admin, settings, kinds)
    if missing:
        return missing
    try:
        return _describe(admin, settings, kinds)
    except KafkaException as error:
        return f"a description of the topics ({error.args[0].str()})"


def _missing(admin: AdminClient, settings: Settings, kinds: Collection[str]) -> str:
    """Say what is not there yet, after an attempt to create it; empty when all is there."""
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
    news = [_new_topic(settings, kind) for kind in kinds]
    created = admin.create_topics(news, request_timeout=REQUEST_SECONDS)
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
    """Shorten a topic's id to 8 characters, 48 random bits, written as Kafka's own tools do."""
    return str(topic_id)[:8].replace("/", "_").replace("+", "-")


def _check(settings: Settings, kind: str, topic: Topic) -> None:
    wanted = getattr(settings.topics, kind)
    if topic.partitions != wanted.partitions:
        log.warning(
            "topic %s has %d partitions, not the %d of the settings: its own number counts",
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


def main() -> int:
    """Show the topics, creating what is missing."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    try:
        found = await_topics(load())
    except (InvalidSettings, Unavailable, WrongTopic) as error:
        print(error, file=sys.stderr)
        return 1
    for topic in found.values():
        policy = topic.config.get("cleanup.policy")
        print(f"{topic.name}: {topic.partitions} partitions, {policy}, id {topic.id}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
