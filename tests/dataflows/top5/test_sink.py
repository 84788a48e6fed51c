"""top5 publishes nothing before it has read the whole table, and no board that goes back."""

import contextlib
import json
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

from confluent_kafka import Message

from conf.settings import Top5
from dataflows.context import FlowContext
from dataflows.kafka.partitioner import partition_of
from dataflows.leaderboard import Board, Row
from dataflows.pace import Deadlines
from dataflows.process import Stopping
from dataflows.top5 import sink as top5_sink
from dataflows.top5.board import BoardUpdate, ShardTop
from dataflows.top5.ranking import BoardRemoval, RankedUser
from dataflows.top5.source import TableBatch
from dataflows.top5.steps import PaceBoards, RankTables
from tests.support.processes import Flow, open_game
from tests.support.until import until_true

USERS = 25_000
NOTHING: Any = None  # of periods
TWO = {f"LEADERBOARD_TOPICS__{kind}__PARTITIONS": "2" for kind in ("SCORES", "HIGH_SCORES")}


def test_there_is_no_board_before_the_last_shard_has_caught_up():
    logic = _pace()
    one = ShardTop(0, 2, 7, [RankedUser(-1, b"ann")], 1, [])
    other = ShardTop(1, 2, 9, [], 0, [])
    early = logic.on_batch([one])[0], logic.on_notify()[0], logic.on_eof()[0]
    is_due = logic.notify_at()
    (update,), _ = logic.on_batch([other])

    assert early == ([], [], [])
    assert is_due is None
    assert (update.board.players, update.positions) == (1, (7, 9))


def test_a_board_held_back_comes_when_top5_has_read_as_far_as_the_last_one():
    """Another top5 had read more of the table, which changes no row and adds no player."""
    written: list[str] = []
    sink = _sink(lambda board: written.append("".join(row.user for row in board.rows)))
    sink._last = {"all-time": Board("all-time", 0, 1, ())}  # noqa: SLF001 - without Kafka
    sink._positions = {"all-time": (9,)}  # noqa: SLF001
    tables = RankTables(_context(), NOTHING, NOTHING)
    logic = _pace()

    def read(batch):
        for _, top in tables(batch):
            sink.write_batch(logic.on_batch([top])[0])
            sink.write_batch(logic.on_eof()[0])
        return list(written)

    steps = [
        read(_batch(6, *(_best(each, each, each) for each in range(6)))),
        read(_batch(10, _best(9, 0, 0))),
    ]

    assert steps == [[], ["54321"]]


def test_a_removal_on_a_board_that_was_held_back_dates_the_next_one():
    written: list[Board] = []
    sink = _sink(written.append)
    ann, bob = Row(1, "ann", 7, 1_000), Row(2, "bob", 5, 1_000)
    last = Board("all-time", 2, 1_000, (ann, bob))
    sink._last, sink._positions = {"all-time": last}, {"all-time": (9,)}  # noqa: SLF001
    without_bob = Board("all-time", 1, 1_000, (ann,))
    sink.write_batch([BoardUpdate(without_bob, [BoardRemoval(b"bob", 3_000)], (8,))])
    sink.write_batch([BoardUpdate(without_bob, [], (9,))])

    assert [board.updated for board in written] == [3_000]


def test_a_final_board_that_was_held_back_is_written_when_another_period_shows_enough():
    """No step sends it again."""
    written: list[Board] = []
    sink = _sink(written.append)
    ann, bob = Row(1, "ann", 7, 1_000), Row(2, "bob", 5, 1_000)
    last = Board("day", 2, 1_000, (ann, bob), "2026-11-24")
    sink._last, sink._positions = {last.key: last}, {"day": (9,)}  # noqa: SLF001
    final = last._replace(players=1, rows=(ann,), final=True)
    today = Board("day", 0, 0, (), "2026-11-26")
    sink.write_batch([BoardUpdate(final, [BoardRemoval(b"bob", 3_000)], (7,))])
    sink.write_batch([BoardUpdate(today, [], (8,)), BoardUpdate(today, [], (9,))])
    sink.write_batch([BoardUpdate(today, [], (10,))])

    assert written == [final._replace(updated=3_000), today]


def test_the_worker_that_reads_the_tables_writes_the_boards(game):
    """Another thread would write beside the one that commits."""
    context = FlowContext(game.settings, ("high_scores", "top_5"), Stopping())
    sink = top5_sink.Top5Sink(context)
    with ThreadPoolExecutor(1) as first, ThreadPoolExecutor(1) as second:
        first.submit(context.partitions, "high_scores").result()
        given = [worker.submit(sink.list_parts).result() for worker in (first, second)]

    assert given == [["boards"], []]


def _pace():
    return PaceBoards(_context().settings, NOTHING, NOTHING, Deadlines())


def _context():
    """Return what the step needs of a table with one partition."""
    topics = SimpleNamespace(high_scores=SimpleNamespace(format="json"))
    top5 = Top5(size=5, updates_per_second=0)
    topic = SimpleNamespace(name="high-scores", partitions=1)
    context: Any = SimpleNamespace(
        settings=SimpleNamespace(topics=topics, top5=top5, sign=1), topic=lambda _kind: topic
    )
    return context


def _batch(position, *messages):
    return TableBatch("all-time", 0, 1, list(messages), position, is_caught_up=True)


def _sink(write):
    """Return the sink without Kafka; `write` is given its boards."""
    sink: Any = top5_sink.Top5Partition.__new__(top5_sink.Top5Partition)
    vars(sink).update(
        _context=SimpleNamespace(
            settings=SimpleNamespace(guarantee="exactly_once"),
            topic=lambda _kind: SimpleNamespace(name="high-scores"),
        ),
        _held={},
        _writer=SimpleNamespace(write=lambda boards: [write(board) for board in boards]),
        _record=lambda board, _positions: board,
    )
    return sink


def _best(offset, user, score):
    moment = (1, 1_000)
    return Message("high-scores", 0, offset, b"%d" % user, b"%d" % score, timestamp=moment)


def test_the_first_board_from_a_long_table_has_all_its_players(names, monkeypatch):
    """One partition has a user and is level at once, the other has all the others."""
    names = {**names, **TWO}
    users = [user for user in (f"user{each}" for each in range(2 * USERS)) if _shard(user) == 1]
    lonely = next(user for user in (f"lonely{each}" for each in range(99)) if _shard(user) == 0)
    with contextlib.closing(open_game(names, monkeypatch)) as game:
        game.send(*[(user, b"1") for user in [lonely, *users]])
        with contextlib.closing(Flow("highscores", names)):
            until_true(lambda: game.lag() == 0, 30)
        with contextlib.closing(Flow("top5", names)):
            until_true(lambda: game.end("top_5") > 0, 30)
            (board, *_) = game.read("top_5")

    assert len(users) > USERS * 0.9
    assert json.loads(board.value or b"")["players"] == len(users) + 1


def _shard(user):
    return partition_of(user.encode(), 2)
