"""An oracle: computes the right content of all topics from the log; shares no code with flows."""

import contextlib
import json
import time
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import Any, NamedTuple

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

END_SECONDS = 60  # a broker that was stalled is fenced, and leads nothing for a while
READ_SECONDS = 90
LIMIT = 2**63


class Seen(NamedTuple):
    """A message of a topic."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    time: int
    headers: Mapping[str, bytes]


class Improvement(NamedTuple):
    """A new best, or None for a removal, and the partition and offset of what caused it."""

    score: int | None
    time: int
    origin: tuple[int, int]


def read(
    address: str,
    topic: str,
    isolation: str = "read_committed",
    start: int = OFFSET_BEGINNING,
    access: Mapping[str, Any] = MappingProxyType({}),
) -> list[Seen]:
    """Read a topic, by partition and offset, to where it ends now.

    The event of an end comes only if no new message does; a partition that is always written has
    none.

    Raises:
        TimeoutError: It was not there within 90 s.
    """
    consumer = Consumer(
        {
            **access,
            "bootstrap.servers": address,
            "group.id": "oracle",
            "enable.auto.commit": False,
            "isolation.level": isolation,
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 10,
            "log_level": 0,
        }
    )
    try:
        return sorted(_messages(consumer, topic, start), key=lambda seen: seen[:2])
    finally:
        consumer.close()


def _messages(consumer: Consumer, topic: str, start: int) -> Iterator[Seen]:
    partitions = list(consumer.list_topics(topic, 10).topics[topic].partitions)
    # Before any fetch: each question would wait for it to return, half a second.
    ends = {each: _end(consumer, topic, each) for each in partitions}
    consumer.assign([TopicPartition(topic, each, start) for each in partitions])
    deadline = time.monotonic() + READ_SECONDS
    while ends:
        if time.monotonic() > deadline:
            msg = f"{topic}: the ends {ends} were not reached in {READ_SECONDS} s"
            raise TimeoutError(msg)
        for message in consumer.consume(10_000, 0.05):
            if message.error() is None:
                yield _seen(message)
            if _is_last(message, ends):
                ends.pop(message.partition(), None)


def _is_last(message: Any, ends: Mapping[int, int]) -> bool:
    error = message.error()
    if error is None:
        return bool(message.offset() + 1 >= ends.get(message.partition(), 0))
    if error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - public
        raise AssertionError(error)
    return True


def _end(consumer: Consumer, topic: str, partition: int) -> int:
    where = TopicPartition(topic, partition)
    deadline = time.monotonic() + END_SECONDS
    while True:
        try:
            return int(consumer.get_watermark_offsets(where, 10)[1])
        except KafkaException as error:  # of a topic that is new or a busy broker
            if time.monotonic() > deadline:
                msg = f"end of {topic}[{partition}]"
                raise TimeoutError(msg) from error
        with contextlib.suppress(KafkaException):  # a new leader may not be known yet
            consumer.list_topics(topic, 10)
        time.sleep(0.1)


def _seen(message: Any) -> Seen:
    place = message.partition(), message.offset()
    time = message.timestamp()[1]
    return Seen(*place, message.key(), message.value(), time, dict(message.headers() or ()))


def score(value: bytes, form: str) -> int | None:
    """Read a score; returns None if it is none."""
    if form != "json":
        width = {"int32": 4, "int64": 8}[form]
        return int.from_bytes(value, "big", signed=True) if len(value) == width else None
    try:
        found = json.loads(value.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    found = found.get("score") if isinstance(found, dict) else found
    return found if type(found) is int and -LIMIT <= found < LIMIT else None


def _refuse(text: str) -> None:
    raise ValueError(text)


def is_user(key: bytes | None) -> bool:
    """Return whether a key is a user."""
    if not key or len(key) > 4096:
        return False
    try:
        characters = list(key.decode())
    except UnicodeDecodeError:
        return False
    if any(unicodedata.category(each) == "Cc" for each in characters):
        return False
    ends = {unicodedata.name(each, "") for each in (characters[0], characters[-1])}
    return not ends & {"ZERO WIDTH NO-BREAK SPACE", "ZERO WIDTH SPACE", "WORD JOINER"}


def improvements(scores: Iterable[Seen], form: str = "json") -> dict[bytes, list[Improvement]]:
    """Return the right messages of `high-scores` for each user, in order."""
    found: dict[bytes, list[Improvement]] = defaultdict(list)
    best: dict[bytes, int] = {}
    for seen in scores:
        user, origin, time = seen.key, (seen.partition, seen.offset), max(seen.time, 1)
        if user is None or not is_user(user):
            continue
        if seen.value is None:
            if best.pop(user, None) is not None:
                found[user].append(Improvement(None, time, origin))
            continue
        made = score(seen.value, form)
        if made is not None and (user not in best or made > best[user]):
            best[user] = made
            found[user].append(Improvement(made, time, origin))
    return dict(found)


def rejected(scores: Iterable[Seen], form: str = "json") -> set[tuple[int, int]]:
    """Return the places of all messages that must be in `scores-rejected`."""
    return {
        (seen.partition, seen.offset)
        for seen in scores
        if not is_user(seen.key) or (seen.value is not None and score(seen.value, form) is None)
    }


def written(high_scores: Iterable[Seen], form: str = "json") -> dict[bytes, list[Improvement]]:
    """Return the actual messages of `high-scores` for each user, in order."""
    found: dict[bytes, list[Improvement]] = defaultdict(list)
    for seen in high_scores:
        _, partition, offset = seen.headers["origin"].decode().split("/")
        made = None if seen.value is None else score(seen.value, form)
        origin = int(partition), int(offset)
        found[seen.key or b""].append(Improvement(made, seen.time, origin))
    return dict(found)


Standings = dict[bytes, tuple[int, int]]


def apply(table: Standings, seen: Seen, form: str = "json") -> None:
    """Apply a message of `high-scores` to a table of user to score and time."""
    if seen.value is None:
        table.pop(seen.key or b"", None)
    else:
        made = score(seen.value, form)
        assert made is not None
        table[seen.key or b""] = made, seen.time


def board(table: Standings, size: int = 5) -> dict[str, Any]:
    """Return the rows and the players that a board of this table must show."""
    order = sorted((-made, time, user) for user, (made, time) in table.items())[:size]
    rows = [
        {"rank": rank, "user": user.decode(), "score": str(-negated), "time": time}
        for rank, (negated, time, user) in enumerate(order, 1)
    ]
    return {"rows": rows, "players": len(table)}


def shown(document: bytes) -> dict[str, Any]:
    """Return the rows and the players of a board as it was published."""
    found = json.loads(document)
    return {"rows": found["rows"], "players": found["players"]}


def table(found: Mapping[bytes, list[Improvement]]) -> Standings:
    """Return each user's last best."""
    lasts = {user: each[-1] for user, each in found.items()}
    return {user: (each.score, each.time) for user, each in lasts.items() if each.score is not None}


def standings(high_scores: Iterable[Seen], form: str = "json") -> Standings:
    """Return each user's last best in any partition of `high-scores`."""
    tables: dict[int, Standings] = defaultdict(dict)
    for seen in high_scores:
        apply(tables[seen.partition], seen, form)
    return {user: best for each in tables.values() for user, best in each.items()}


def final(high_scores: Iterable[Seen], form: str = "json") -> dict[str, Any]:
    """Return the board after all of `high-scores`."""
    return board(standings(high_scores, form))


def all_time(boards: Iterable[Seen]) -> list[Seen]:
    """Give the boards of all time."""
    return [seen for seen in boards if seen.key == b"all-time"]


def check_boards(boards: list[Seen], high_scores: list[Seen], form: str = "json") -> None:
    """Check that each board is true of a prefix of each partition, and that the prefixes grow."""
    partitions: dict[int, list[Seen]] = defaultdict(list)
    for seen in high_scores:
        partitions[seen.partition].append(seen)
    rest = {partition: iter(seens) for partition, seens in partitions.items()}
    ahead: dict[int, Seen | None] = {each: next(seens, None) for each, seens in rest.items()}
    table: Standings = {}
    last: list[int] = []
    published = b""
    removals = {0}
    for document in boards:
        positions = _positions(document)
        assert all(map(int.__ge__, positions, last)), (positions, last)
        for partition in ahead:
            for seen in _until(ahead, rest, partition, positions[partition]):
                apply(table, seen, form)
                removals |= {seen.time} if seen.value is None else set()
        assert shown(document.value or b"") == board(table), document.offset
        found = json.loads(document.value or b"")
        assert found["updated"] in removals | {row["time"] for row in found["rows"]}, document
        assert found["updated"] >= max((row["time"] for row in found["rows"]), default=0)
        assert document.value != published, document.offset
        published = document.value or b""
        last = positions


def _positions(document: Seen) -> list[int]:
    return [int(each) for each in document.headers["positions"].decode().split(":")[1].split(",")]


def _until(
    ahead: dict[int, Seen | None],
    rest: Mapping[int, Iterator[Seen]],
    partition: int,
    position: int,
) -> Iterator[Seen]:
    while (seen := ahead[partition]) is not None and seen.offset < position:
        yield seen
        ahead[partition] = next(rest[partition], None)


def check_so_far(high_scores: list[Seen], scores: list[Seen], form: str = "json") -> None:
    """Check that `high-scores` holds the first improvements of each user, none of them twice."""
    check_rising(high_scores, form)
    expected = improvements(scores, form)
    for user, found in written(high_scores, form).items():
        assert found == expected[user][: len(found)], user


def regressions(high_scores: Iterable[Seen], form: str = "json") -> list[bytes]:
    """Return the users whose best did not go up, once for each time."""
    return [
        user
        for user, found in written(high_scores, form).items()
        for last, each in pairwise(found)
        if last.score is not None and each.score is not None and each.score <= last.score
    ]


def check_rising(high_scores: Iterable[Seen], form: str = "json") -> None:
    """Check that no message takes a user's best down or repeats it; only a tombstone ends it."""
    assert regressions(high_scores, form) == []


def check(read_topic: Callable[[str], list[Seen]], form: str = "json", out: str = "json") -> None:
    """Check that everything that the flows have written is what it must be, to the last message.

    `read_topic` reads a topic by its kind: scores, high_scores, top_5, rejected.
    """
    scores, high_scores, boards = map(read_topic, ("scores", "high_scores", "top_5"))
    boards = all_time(boards)
    check_rising(high_scores, out)
    assert written(high_scores, out) == improvements(scores, form)
    check_boards(boards, high_scores, out)
    assert shown(boards[-1].value or b"") == final(high_scores, out)
    places = {
        (int(seen.headers["partition"]), int(seen.headers["offset"]))
        for seen in read_topic("rejected")
    }
    assert places == rejected(scores, form)
