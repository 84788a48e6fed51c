"""Read `high-scores`, and the like of each board by period, into the rankings.

Everything here runs on the thread of the reader.
"""

import gc
import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition

from conf.settings import Settings, table_kind
from dataflows.kafka.partitioner import partitions_of
from dataflows.kafka.topics import Stopped, Topic, await_topics
from dataflows.leaderboard import rank_keys
from dataflows.periods import ALL_TIME
from dataflows.wire import (
    BadMessage,
    encode_positions,
    score_codec,
    split_keys,
)
from web.kafka import client
from web.kafka.outcomes import Outcomes, Posts
from web.kafka.progress import Arrivals, Progress
from web.kafka.reader import TopicReader
from web.ranks.rankings import Change, Rankings

log = logging.getLogger(__name__)

POLL_SECONDS = 0.1
BATCH = 500  # messages at once, at most: a millisecond of the interpreter's lock
WORK_SECONDS = 0.002  # of loading between two pauses
PAUSE_SECONDS = 0.001  # for the event loop, which otherwise waits for each of its system calls
GATHER_SECONDS = 0.01  # in which messages come together: each poll costs the loop a tenth of a ms
LOG_SECONDS = 5  # between log lines about the progress
DROP_SECONDS = 60  # between looks for periods that are too old


class _Table(NamedTuple):
    """The table of a board, and how far it is read."""

    board: str
    topic: Topic
    monitor: client.TopicMonitor
    goal: Mapping[int, int]  # the ends at the start
    progress: Progress

    def positions(self) -> str:
        """Return the positions as they are in a header."""
        offsets = (self.progress.next_offsets.get(each, 0) for each in self.goal)
        return encode_positions(self.topic.id, offsets).decode()


def read(reader: TopicReader, settings: Settings, rankings: Rankings, posts: Posts) -> None:
    """Keep the rankings until the reader stops, and pass on what concerns posted scores."""
    with client.make_consumer(settings) as consumer:
        tables = TableReader(reader, settings, rankings, consumer)
        tables.load()
        table = tables.all_time
        posts.begin(table.topic.id)
        outcomes = Outcomes(settings, tables.broker, table.topic, table.progress, reader.unreadable)
        while not reader.stopping():
            messages = tables.poll()
            if waiting := posts.posted():
                posts.put(outcomes.news(waiting, messages))
            if len(messages) < BATCH:
                reader.wait(GATHER_SECONDS)


class TableReader:
    """Reads the tables of all boards into the rankings.

    A key in a partition where its user does not belong is left out, as the flows do. Of a board by
    period it reads what is younger than the oldest period that is kept.
    """

    def __init__(
        self, reader: TopicReader, settings: Settings, rankings: Rankings, consumer: Consumer
    ) -> None:
        self._reader = reader
        self._settings = settings
        self._rankings = rankings
        self._codec = score_codec(settings.topics.high_scores.format)
        self._consumer = consumer
        self.broker = client.BrokerClient(settings)
        self._pause_at = 0.0
        self._tables: dict[str, _Table] = {}  # by topic
        self._kept: dict[tuple[str, str], bool] = {}
        self._next_drop = 0.0

    @property
    def all_time(self) -> _Table:
        """The table of all time, once they are loaded."""
        return self._tables[self._settings.topics.high_scores.name]

    def load(self) -> None:
        """Wait for the tables, read what is there, and bring it into order.

        Raises:
            Unavailable: A topic was not there in time.
            WrongTopic: A topic is set up wrongly.
            Stopped: The reader stops.
            KafkaException: The broker reports an error.
            Stalled: The broker has more messages, but none arrives.
            TopicChanged: A table was recreated or has more partitions.
        """
        self._run(self._rankings.reset())
        self._open()
        began = time.monotonic()
        self._read_to_goals()
        self._report("the users are brought into order")
        self._run(self._rankings.build())
        self._freeze_once()
        self._rankings.apply((), self._positions())
        self._report("")
        self._reader.note_caught_up()
        users = sum(self._rankings.sizes().values())
        log.info("the ranks of %d users are ready after %.1f s", users, time.monotonic() - began)

    def poll(self) -> list[Message]:
        """Apply and return new messages as soon as there are any, after 0.1 s at the latest.

        Raises:
            KafkaException: The broker reports an error.
            Stalled: The broker has more messages, but they do not arrive.
            TopicChanged: A table was recreated or has more partitions.
        """
        messages = self._receive()
        if messages:
            self._rankings.apply(self._changes(messages), self._positions())
        now = time.monotonic()
        for table, ends in self._ends():
            table.progress.check(ends, now)
        if now >= self._next_drop:
            self._next_drop = now + DROP_SECONDS
            self._kept.clear()
            self._run(self._rankings.drop_old())
        return messages

    def _table(self, board: str, topic: Topic) -> _Table:
        monitor = client.TopicMonitor(self._reader, self.broker, topic)
        return _Table(board, topic, monitor, monitor.end_offsets(), Progress({}))

    def _open(self) -> None:
        kinds, stopping = self._settings.tables, self._reader.stopping
        topics = await_topics(self._settings, kinds, stopping=stopping)
        tables = [self._table(board, topics[table_kind(board)]) for board in self._settings.boards]
        self._tables = {table.topic.name: table for table in tables}
        client.assign(self._consumer, [start for each in tables for start in self._starts(each)])

    def _read_to_goals(self) -> None:
        log_at = time.monotonic()
        arrivals = Arrivals()
        while not all(each.progress.has_reached(each.goal) for each in self._tables.values()):
            if self._reader.stopping():
                raise Stopped
            messages = self._receive()
            answered = {table.board for table, _ in self._ends()}
            arrivals.check(messages, has_answered=ALL_TIME in answered)
            self._rankings.load(self._changes(messages))
            self._report(self._progress())
            if time.monotonic() >= log_at + LOG_SECONDS:
                log_at = time.monotonic()
                log.info("ranks: %s", self._rankings.not_ready)
            self._pause_if_due()

    def _freeze_once(self) -> None:
        """Let no garbage collection look at the users; what is garbage by then is never freed."""
        if not self._reader.ever_caught_up:
            gc.freeze()

    def _starts(self, table: _Table) -> list[TopicPartition]:
        """Return the offset from which each partition is read.

        It is that of the first message of a period that is kept, or the end if there is none.
        """
        name, since = table.topic.name, self._rankings.oldest(table.board)
        if not since:
            return [TopicPartition(name, each, OFFSET_BEGINNING) for each in table.goal]
        found = client.offsets_at(self._consumer, name, table.goal, since)
        starts = {
            partition: offset if offset >= 0 else end
            for (partition, end), offset in zip(table.goal.items(), found, strict=True)
        }
        table.progress.jump(starts)
        return [TopicPartition(name, *each) for each in starts.items()]

    def _ends(self) -> list[tuple[_Table, Mapping[int, int]]]:
        """Return the tables whose ends the broker has just told, and these ends."""
        asked = [(table, table.monitor.poll()) for table in self._tables.values()]
        return [(table, ends) for table, ends in asked if ends is not None]

    def _receive(self) -> list[Message]:
        progress = {name: table.progress for name, table in self._tables.items()}
        messages = client.poll(self._consumer, progress, BATCH, POLL_SECONDS)
        return [message for message in messages if message.error() is None]

    def _changes(self, messages: list[Message]) -> list[Change]:
        return [
            change
            for name, table in self._tables.items()
            for change in self._of_table(table, [it for it in messages if it.topic() == name])
        ]

    def _of_table(self, table: _Table, messages: list[Message]) -> Iterator[Change]:
        keys = [message.key() or b"" for message in messages]
        is_all_time = table.board == ALL_TIME
        names = [("", key) for key in keys] if is_all_time else split_keys(keys)
        partitions = partitions_of([user for _, user in names], table.topic.partitions)
        for message, (period, user), partition in zip(messages, names, partitions, strict=True):
            if partition == message.partition() and self._is_kept(table.board, period):
                yield from self._change(table.board, period, user, message)

    def _change(self, board: str, period: str, user: bytes, message: Message) -> Iterator[Change]:
        """Yield the change that a message makes; none if it cannot be read."""
        value = message.value()
        try:
            user.decode()
            score = None if value is None else self._settings.sign * self._codec.decode(value)
        except (BadMessage, UnicodeDecodeError) as error:
            self._reader.unreadable.add(message, error)
        else:
            (rank_key,) = rank_keys([score], [message.timestamp()[1]])
            yield Change(board, period, user, rank_key)

    def _is_kept(self, board: str, period: str) -> bool:
        key = board, period
        if key not in self._kept:
            self._kept[key] = self._rankings.is_kept(*key)
        return self._kept[key]

    def _positions(self) -> dict[str, str]:
        return {table.board: table.positions() for table in self._tables.values()}

    def _report(self, progress: str) -> None:
        self._reader.not_ready = self._rankings.not_ready = progress

    def _progress(self) -> str:
        goals = [(table, *goal) for table in self._tables.values() for goal in table.goal.items()]
        read = sum(min(end, table.progress.next_offsets.get(each, 0)) for table, each, end in goals)
        return f"{read} of {sum(end for *_, end in goals)} messages are read"

    def _run(self, steps: Iterable[None]) -> None:
        for _ in steps:
            self._pause_if_due()

    def _pause_if_due(self) -> None:
        if time.monotonic() >= self._pause_at:
            self._reader.wait(PAUSE_SECONDS)
            self._pause_at = time.monotonic() + WORK_SECONDS
