"""The configuration of each topic: what it is created with, and what an existing one needs; pure.

Source: https://kafka.apache.org/documentation/#topicconfigs
"""

from collections.abc import Iterator, Mapping

from conf.settings import PERIOD_BOARDS, Settings, table_kind

UNLIMITED = 2**63 - 1
MESSAGE_BYTES = 1_048_588  # Kafka's default of max.message.bytes

_PERIOD_TABLES = frozenset(map(table_kind, PERIOD_BOARDS))

_HOUR_MS = 3600 * 1000
_DAY_MS = 24 * _HOUR_MS
_PERIOD_MS = 31 * _DAY_MS  # the longest
_RECORD_BYTES = 1024  # period, value, headers and framing of a best
_REJECTED_BYTES = 16 * 1024  # 8 kB of headers, and as much of what is cut to fit
_REPLICAS = 3  # so that two are left where one is lost, and what is written has a copy
_ROW_BYTES = 128  # a row of a board without its user
_POSITION_BYTES = 21  # a position in the header of a board
_BEFORE, _AFTER = "message.timestamp.before.max.ms", "message.timestamp.after.max.ms"
_DIFFERENCE = "message.timestamp.difference.max.ms"  # of Kafka before 4.0: counts for both
_KEPT = {"retention.ms": "-1", "retention.bytes": "-1"}  # for ever
_ANY_TIME = {  # the other topics must accept every time that `scores` accepted, however late
    "message.timestamp.type": "CreateTime",
    _BEFORE: str(UNLIMITED),
    _AFTER: str(UNLIMITED),
}
_TABLE = {  # stays close to the number of its keys: a restart reads it whole
    "cleanup.policy": "compact",
    "min.cleanable.dirty.ratio": "0.1",
    "segment.ms": str(7 * _DAY_MS),
    "max.compaction.lag.ms": str(7 * _DAY_MS),
    **_ANY_TIME,
}


def creation(settings: Settings, kind: str, batch_bytes: int) -> dict[str, str]:
    """Return the configuration that a topic of this kind is created with.

    `batch_bytes` is the largest batch that a producer sends.
    """
    topics = settings.topics
    size = max(MESSAGE_BYTES, batch_bytes, _largest_message(settings, kind))
    config = {**_TABLE, "max.message.bytes": str(size)}
    if kind in _PERIOD_TABLES:  # what has expired is deleted by segments
        retention = max(topics.high_scores.periods_retention_ms, -1)
        by_day = {"segment.ms": str(_DAY_MS), "segment.bytes": str(max(64 * 2**20, size))}
        policy = {"cleanup.policy": "compact,delete", "retention.ms": str(retention)}
        return {**config, **by_day, **policy, "retention.bytes": "-1"}
    return {
        "scores": {
            "cleanup.policy": "delete",
            "retention.ms": str(topics.scores.retention_ms),
            "retention.bytes": "-1",
            "message.timestamp.type": "CreateTime",
        },
        "high_scores": {**config, "segment.bytes": str(max(64 * 2**20, size))},
        "top_5": {**config, "segment.bytes": str(max(4 * 2**20, size))},
        "rejected": {
            "cleanup.policy": "delete",
            "retention.ms": str(topics.rejected.retention_ms),
            "max.message.bytes": str(2 * size),  # a rejected message has headers
            **_ANY_TIME,
        },
    }[kind]


def corrections(
    settings: Settings, kind: str, config: Mapping[str, str], *, replicas: int, batch_bytes: int
) -> dict[str, str]:
    """Return what must be set: without it results are wrong, or nothing can be written.

    Args:
        settings: What the topics have to hold.
        kind: One of `Settings.kinds`.
        config: Of the topic as it is.
        replicas: Of each partition.
        batch_bytes: The largest batch that a producer sends.
    """
    wanted: dict[str, str] = {}
    is_table = kind in {"high_scores", "top_5", *_PERIOD_TABLES}
    policy = config.get("cleanup.policy", "")
    if kind in _PERIOD_TABLES:
        wanted |= _period_corrections(settings, config)
    elif is_table and policy != "compact":  # it would lose users
        wanted["cleanup.policy"] = "compact"
    if not is_table and "compact" in policy:  # it would lose all but the last message of a user
        wanted["cleanup.policy"] = "delete"
    if is_table:
        wanted |= _time_corrections(config)
    size = max(batch_bytes, _largest_message(settings, kind))
    if kind != "scores" and int(config.get("max.message.bytes", size)) < size:
        wanted["max.message.bytes"] = str(max(size, MESSAGE_BYTES))
    if int(config.get("min.insync.replicas", 1)) > replicas:  # every write would be refused
        wanted["min.insync.replicas"] = str(replicas)
    return wanted


def _period_corrections(settings: Settings, config: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield what lets a table of periods keep the bests of a period for as long as it is open."""
    if "compact" not in config.get("cleanup.policy", ""):
        yield "cleanup.policy", "compact,delete"
    needed = _PERIOD_MS + int(settings.late_hours * _HOUR_MS)
    if "delete" in config.get("cleanup.policy", "") and (
        -1 < int(config.get("retention.ms", -1)) < needed
    ):
        yield "retention.ms", str(needed)
    if int(config.get("retention.bytes", -1)) >= 0:
        yield "retention.bytes", "-1"


def _time_corrections(config: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield what lets a table accept, at any later time, every time that `scores` accepted."""
    if config.get("message.timestamp.type", "CreateTime") != "CreateTime":  # ties would be wrong
        yield "message.timestamp.type", "CreateTime"
    for name in (_BEFORE, _AFTER, _DIFFERENCE):
        if int(config.get(name, UNLIMITED)) < UNLIMITED:
            yield name, str(UNLIMITED)


def _largest_message(settings: Settings, kind: str) -> int:
    """Return the size of the largest message that is written to a topic, in bytes."""
    if kind == "top_5":
        row = 2 * settings.user_max_bytes + _ROW_BYTES  # JSON escapes a quote with a second byte
        positions = settings.topics.high_scores.partitions * _POSITION_BYTES
        return settings.top5.size * row + positions + _RECORD_BYTES
    if kind == "rejected":
        return _REJECTED_BYTES
    return settings.user_max_bytes + _RECORD_BYTES


def doubts(
    kind: str, config: Mapping[str, str], replicas: int, brokers: int
) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each reason why acknowledged messages may be lost, and properties that prevent it."""
    limits = {name: config.get(name) for name in _KEPT}
    if kind == "scores" and limits != _KEPT:
        now = ", ".join(f"{name}={value}" for name, value in limits.items())
        yield f"FORGETS SCORES, and is the source of truth ({now})", _KEPT
    if replicas == 1 < brokers:
        yield f"has one replica on {brokers} brokers: messages are lost with their broker", {}
    if 1 < replicas < _REPLICAS <= brokers:
        yield f"has {replicas} replicas: one broker less leaves one copy, or stops all writes", {}
    if replicas > 1 and config.get("min.insync.replicas") == "1":
        safe = {"min.insync.replicas": "2"}
        yield "acknowledges a message when one broker has it, and may lose it", safe
    if replicas > 1 and config.get("unclean.leader.election.enable") == "true":
        safe = {"unclean.leader.election.enable": "false"}
        yield "may get a leader that lacks acknowledged messages", safe
