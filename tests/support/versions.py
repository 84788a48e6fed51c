"""What a version has written: kept as text once, and written again by tests.

    git worktree add /tmp/0.1.0 v0.1.0
    python -m tests.support.versions /tmp/0.1.0 tests/fixtures/0.1.0

The flows of that checkout count scores on a Kafka of their own, with a restart in between. Then the
messages of each topic and the committed positions are kept. `LEADERBOARD_BOARDS` asks for boards by
period, where the version has them.
"""

import contextlib
import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from confluent_kafka import Consumer, Producer, TopicPartition

from conf import clients
from conf.loading import load
from dataflows.kafka.topics import Topic, await_topics
from local import kafka
from tests.support import board_oracle
from tests.support.board_oracle import HOUR_MS, Rules
from tests.support.oracle import Seen
from tests.support.processes import Game, running
from tests.support.until import until_true

FIRST_MS = round(datetime(2026, 11, 19, 8, tzinfo=UTC).timestamp() * 1000)  # a Thursday
USERS = ["ann", "bob", "cyd", "d/e", "ö", "😀", "x" * 300, *[f"user{each}" for each in range(6)]]
BAD: list[tuple[str | bytes | None, bytes]] = [
    ("ann", b"1.5"),
    ("bob", b"\xff"),
    ("cyd", b"9223372036854775808"),
    (b"\xff", b"1"),
    (None, b"1"),
]
RUNS = 90, 60  # scores
PARTITIONS = {
    "LEADERBOARD_TOPICS__SCORES__PARTITIONS": "3",
    "LEADERBOARD_TOPICS__HIGH_SCORES__PARTITIONS": "3",
}
KEPT = {  # whenever a test runs: the times of the messages stay the same
    "LEADERBOARD_TOPICS__HIGH_SCORES__PERIODS_RETENTION_MS": "-1",
    "LEADERBOARD_TOPICS__REJECTED__RETENTION_MS": "-1",
}


class Version(NamedTuple):
    """What a version has written, by topic; a `Seen` has the bytes as they were.

    `topics` has the id of each topic and the end of each of its partitions, `positions` the offset
    and the metadata of what is committed for each partition of `scores`.
    """

    boards: list[str]
    topics: dict[str, tuple[str, list[int]]]
    positions: list[tuple[int, str]]
    messages: dict[str, list[Seen]]

    def names(self) -> dict[str, str]:
        """Return the settings with which this was written."""
        return {**PARTITIONS, **KEPT, "LEADERBOARD_BOARDS": json.dumps(self.boards)}

    def rules(self) -> Rules:
        """Return the same for the oracle."""
        return Rules(boards=tuple(self.boards[1:]))


def scores(start: int = 0) -> Iterator[tuple[str | bytes | None, bytes | None, int]]:
    """Make users, values and times without end: ties, removals, objects, and what is no score."""
    dice = random.Random(start)
    for number in itertools.count(start):
        score, at = dice.randrange(60), FIRST_MS + number * HOUR_MS * 3 // 4
        value = b'{"game": "chess", "score": %d}' % score if number % 5 == 0 else b"%d" % score
        if number % 13 == 12:
            yield *BAD[number // 13 % len(BAD)], at
        else:
            yield dice.choice(USERS), None if dice.random() < 0.04 else value, at


def make(checkout: Path, folder: Path) -> None:
    """Let the flows of a checkout write, and keep it."""
    with tempfile.TemporaryDirectory() as data, _kafka(Path(data)) as address:
        os.environ.update(PARTITIONS | {"LEADERBOARD_BOOTSTRAP_SERVERS": address})
        with contextlib.chdir(checkout):
            game = _write(scores())
        folder.mkdir(parents=True, exist_ok=True)
        _keep(game, folder)
        game.close()


def _kafka(data: Path) -> AbstractContextManager[str]:
    """Run a broker that compacts nothing: only marks of transactions are missing later."""
    return kafka.running(data, properties={"log.cleaner.backoff.ms": "3600000"})


def _write(played: Iterator[tuple[str | bytes | None, bytes | None, int]]) -> Game:
    subprocess.run([sys.executable, "-m", "dataflows.topics"], check=True)
    game = Game(load())
    rules = Rules(boards=game.settings.boards[1:])
    for count in RUNS:
        game.play(itertools.islice(played, count))
        with running({}) as flows:
            board_oracle.drain(game, rules)
            until_true(lambda: not rules.boards or len(board_oracle.finals(game)) > 1, 60)
            assert [flow.stop() for flow in flows] == [[0], [0]]
    return game


def _keep(game: Game, folder: Path) -> None:
    topics = await_topics(game.settings)
    kept = {
        "boards": game.settings.boards,
        "topics": {
            kind: (topic.id, [end for _, end in game.bounds(kind)])
            for kind, topic in topics.items()
        },
        "positions": [(each.offset, each.metadata) for each in game.committed()],
    }
    (folder / "group.json").write_text(json.dumps(kept, indent=1) + "\n")
    for kind in topics:
        lines = [json.dumps(_as_text(seen)) + "\n" for seen in game.read(kind)]
        (folder / f"{kind}.jsonl").write_text("".join(lines))


def _as_text(seen: Seen) -> list[Any]:
    headers = {name: _text(value) for name, value in seen.headers.items()}
    return [*seen[:2], _text(seen.key), _text(seen.value), seen.time, headers]


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "surrogateescape")


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else text.encode("utf-8", "surrogateescape")


def _seen(line: str) -> Seen:
    partition, offset, key, value, time, headers = json.loads(line)
    found = {name: _bytes(text) or b"" for name, text in headers.items()}
    return Seen(partition, offset, _bytes(key), _bytes(value), time, found)


def read(folder: Path) -> Version:
    """Read what is kept."""
    kept = json.loads((folder / "group.json").read_text())
    messages = {
        kind: [_seen(line) for line in (folder / f"{kind}.jsonl").read_text().splitlines()]
        for kind in kept["topics"]
    }
    return Version(**kept, messages=messages)


def write(game: Game, version: Version, *, as_its_own: bool) -> None:
    """Write what a version has written to the topics of a game, at the same offsets.

    With `as_its_own` the ids of the topics are replaced, as if that version had written to these
    topics; without it they stay those of other topics, as after a copy.
    """
    topics = await_topics(game.settings)
    news = {old: topics[kind].id for kind, (old, _) in version.topics.items() if as_its_own}
    wanted = {kind: ends for kind, (_, ends) in version.topics.items()}
    for kind, ends in wanted.items():
        _write_topic(game, topics[kind], version.messages[kind], ends, news)
    # The mark of a transaction may come after its commit is acknowledged.
    until_true(lambda: {kind: [end for _, end in game.bounds(kind)] for kind in wanted} == wanted)
    positions = [(offset, _replace(mark, news)) for offset, mark in version.positions]
    commit(game, positions)


def commit(game: Game, positions: Sequence[tuple[int, str]]) -> None:
    """Commit an offset and its metadata for each partition of `scores`."""
    consumer = Consumer(clients.consumer(game.settings))
    name = game.name("scores")
    offsets = [TopicPartition(name, each, *found) for each, found in enumerate(positions)]
    consumer.commit(offsets=offsets, asynchronous=False)
    consumer.close()


def _replace(text: str, news: Mapping[str, str]) -> str:
    for old, new in news.items():
        text = text.replace(old, new)
    return text


def _write_topic(
    game: Game, topic: Topic, seens: Sequence[Seen], ends: Sequence[int], news: Mapping[str, str]
) -> None:
    """Write messages; where an offset is missing, the mark of a transaction was."""
    has_marks = len(seens) != sum(ends)
    transactional = {"transactional.id": f"{topic.name}-kept"} if has_marks else {}
    producer = Producer({**clients.producer(game.settings), **transactional})
    if has_marks:
        producer.init_transactions(30)
        producer.begin_transaction()
    afters = [*[seen[:2] for seen in seens[1:]], (-1, 0)]
    for seen, (partition, offset) in zip(seens, afters, strict=True):
        headers: dict[str, str | bytes | None] = {
            name: _bytes(_replace(_text(value) or "", news)) for name, value in seen.headers.items()
        }
        producer.produce(
            topic.name, seen.value, seen.key, seen.partition, timestamp=seen.time, headers=headers
        )
        after = offset if partition == seen.partition else ends[seen.partition]
        if after > seen.offset + 1:
            producer.commit_transaction(30)
            producer.begin_transaction()
    assert producer.flush(30) == 0


def main() -> None:
    """Run the recipe."""
    parser = ArgumentParser(prog="python -m tests.support.versions", description=__doc__)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("folder", type=Path, help="such as tests/fixtures/0.1.0")
    options = parser.parse_args()
    make(options.checkout, options.folder.resolve())


if __name__ == "__main__":
    main()
