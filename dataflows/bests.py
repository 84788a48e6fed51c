"""The sink `high-scores`: folds candidates into each user's best and writes what improves.

A sink partition is a shard: it restores the best of its users from its partition of the topic, so
that it writes only what is news there. One owner for a shard's table and for its writes.
"""

import logging
import time
from concurrent.futures import Future
from itertools import islice

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from confluent_kafka import Message

from dataflows.broken import give_up
from dataflows.ends import read_to_end
from dataflows.kafka import Broker, part_names
from dataflows.leaderboard import Bests, Candidates, improvements
from dataflows.memory import give_back
from dataflows.messages import (
    ORIGIN,
    decode_scores,
    encode_score,
    origin_prefix,
)
from dataflows.origins import note_origins
from dataflows.partitioner import partition_of
from dataflows.tables import decode_bests
from dataflows.writers import Writer

log = logging.getLogger(__name__)

NO_CALLBACKS = (None, None)
CHECKED_KEYS = 500  # the first and the last: re-keying works its way from first to last


class HighScores(FixedPartitionedSink[Candidates | None, None]):
    """The table `high-scores`: folds candidates into each user's best and writes what improves.

    `bests` is shared by the shards of this process, and read by the step that drops what cannot
    improve. Each user is written by one shard only.
    """

    def __init__(self, broker: Broker, bests: Bests) -> None:
        self._broker = broker
        self._bests = bests

    def list_parts(self) -> list[str]:
        """Name the shards."""
        return self._broker.parts("high_scores")

    def part_fn(self, item_key: str) -> int:
        """Route by the name of the shard."""
        return int(item_key)

    def build_part(self, _step_id: str, for_part: str, _resume_state: None) -> "BestScores":
        """Restore a shard from its partition."""
        return BestScores(self._broker, int(for_part), self._bests)


class BestScores(StatefulSinkPartition[Candidates | None, None]):
    """One shard: the best of each of its users, restored from its partition of `high-scores`.

    It is fenced, then restored, in the background; the first candidates wait for that, and so does
    the end of the first epoch.
    """

    def __init__(self, broker: Broker, partition: int, bests: Bests) -> None:
        self._broker = broker
        self._partition = partition
        self._topic = broker.topic("high_scores")
        self._form = broker.settings.topics.high_scores.format
        self._scores = broker.topic("scores")
        self._bests = bests
        self._counted: dict[int, int] = {}
        fenced = broker.fencers.submit(broker.fenced_writer, f"{self._topic.name}-{partition}")
        self._opened = broker.openers.submit(self._open, fenced)

    def write_batch(self, values: list[Candidates | None]) -> None:
        """Fold candidates and write what improves, each with the score's time and origin."""
        for candidates in filter(None, values):
            self._improve(self._opened.result(), candidates)

    def snapshot(self) -> None:
        """Wait until the broker has this epoch; raises where it does not take it."""
        self._opened.result().flush()

    def _improve(self, writer: Writer, candidates: Candidates) -> None:
        """Write by position: by name it takes twice the time, and this is where the time goes."""
        topic, partition, form = self._topic.name, self._partition, self._form
        sources = len(self._counted.keys() | {candidates.partition})
        prefix = origin_prefix(self._scores.id, sources, candidates.partition)
        for user, score, time_ms, offset in improvements(
            self._bests.scores, self._counted, candidates
        ):
            value = None if score is None else encode_score(score, form)
            headers = [(ORIGIN, b"%b%d" % (prefix, offset))]
            writer.write(topic, value, user, partition, *NO_CALLBACKS, time_ms, headers)
        writer.send()

    def _open(self, fenced: Future[Writer]) -> Writer:
        """Read what earlier writers wrote once they are fenced: so nothing slips between."""
        writer = fenced.result()
        started = time.monotonic()
        table = self._read_table()
        self._bests.scores.update(table)
        self._bests.shards.add(self._partition)
        give_back()
        took = time.monotonic() - started
        log.info("restored %d users from %s in %.2f s", len(table), self._name, took)
        if table and max(self._broker.positions, default=0) < 0:
            log.warning(
                "%s has users, but group %s has no position in %s: all of it is READ AGAIN, "
                "which takes its time and writes nothing twice",
                self._name,
                self._broker.settings.group,
                self._scores.name,
            )
        return writer

    @property
    def _name(self) -> str:
        return f"{self._topic.name}[{self._partition}]"

    def _read_table(self) -> dict[bytes, int]:
        table: dict[bytes, int] = {}
        settings, stopping = self._broker.settings, self._broker.stopping
        for messages in read_to_end(settings, self._topic.name, self._partition, stopping):
            self._take(table, messages)
            note_origins(self._counted, self._scores.id, messages)
        self._check_keys([*islice(table, CHECKED_KEYS), *islice(reversed(table), CHECKED_KEYS)])
        return table

    def _check_keys(self, keys: list[bytes]) -> None:
        """Refuse a table with keys in partitions that are not theirs."""
        for key in keys:
            if partition_of(key, self._topic.partitions) != self._partition:
                give_up(
                    f"{self._name} holds {key!r}, which belongs to "
                    f"another of its {self._topic.partitions} partitions: were partitions added? "
                    "docs/operations.md tells how to re-key it"
                )

    def _take(self, table: dict[bytes, int], messages: list[Message]) -> None:
        keys = [message.key() or b"" for message in messages]
        scores = decode_scores([message.value() for message in messages], self._form)
        if scores is not None:
            table.update(zip(keys, scores, strict=True))
            return
        for key, score in zip(keys, decode_bests(messages, self._form), strict=True):
            if score is None:
                table.pop(key, None)
            else:
                table[key] = score


class Shards(FixedPartitionedSource[tuple[str, None], None]):
    """An item for each partition of `high-scores` at the start, so that all shards are built."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def list_parts(self) -> list[str]:
        """Name the one partition."""
        return ["all"]

    def build_part(self, _step_id: str, _for_part: str, _resume_state: None) -> "ShardNames":
        """Read it."""
        return ShardNames(self._broker)


class ShardNames(StatefulSourcePartition[tuple[str, None], None]):
    """The names of all shards, once."""

    def __init__(self, broker: Broker) -> None:
        names = part_names(broker.topic("high_scores").partitions)
        self._batches = iter([[(name, None) for name in names]])

    def next_batch(self) -> list[tuple[str, None]]:
        """Give them, then end."""
        return next(self._batches)

    def snapshot(self) -> None:
        """Keep nothing."""
