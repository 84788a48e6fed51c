"""The nested rule: what the filter drops would have improved no board, whatever the boards are."""

from collections import defaultdict
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from confluent_kafka import OFFSET_BEGINNING, Message
from hypothesis import given
from hypothesis import strategies as st

from dataflows.highscores.filter import CandidateFilter
from dataflows.highscores.fold import AllTime, ByPeriod, Candidates, Counted, Shard
from dataflows.highscores.nested import NestedRule, Scores
from dataflows.highscores.source import ScoresBatch
from dataflows.kafka.partitioner import partition_of
from dataflows.periods import BOARDS, Calendar
from dataflows.stream_time import StreamTime

SHARDS = 2
HOUR_MS = 3600 * 1000
MONDAY = 1_764_547_200_000  # 2025-12-01, the first day of a week and of a month
USERS = [b"a", b"b", b"f"]  # of both shards

scores = st.tuples(
    st.sampled_from([*USERS, None]),
    st.one_of(st.none(), st.integers(0, 5)),
    st.one_of(
        st.integers(-80, 80).map(lambda hours: MONDAY + hours * HOUR_MS),
        st.sampled_from([1, MONDAY - 1, MONDAY, 2**62, MONDAY + 10**13]),
    ),
)
logs = st.lists(scores, max_size=25)
rules = st.tuples(st.sets(st.sampled_from(BOARDS[1:]), min_size=1), st.integers(0, 40))
cuts = st.lists(st.integers(0, 25), max_size=6)


class Written(NamedTuple):
    """A message of a table."""

    period: str
    user: bytes
    score: int | None
    offset: int


class Pipeline:
    """The filter and the shards of one process, and what is written, by shard and board."""

    def __init__(self, rules, log):
        self.calendar = Calendar(rules[0], "UTC", rules[1])
        self.messages = [
            Message("scores", 0, offset, user, _value(score), timestamp=(1, time))
            for offset, (user, score, time) in enumerate(log)
        ]
        self.written: dict[tuple[int, int], list[Written]] = defaultdict(list)
        self.stream = StreamTime()
        self.streams = [self._advance(message) for message in self.messages]

    def _advance(self, message):
        time = message.timestamp()[1] if message.value() is not None else 0
        (visible,) = self.stream.advance([message.key()], [time])
        return visible, self.stream.encode()

    def shard(self, number):
        """Restore a shard from what is written."""
        tables: dict[str, dict[bytes, int]] = {"": {}}
        counted = [Counted({}, {}) for _ in range(1 + len(self.calendar.boards))]
        for board, each in enumerate(counted):
            for period, user, score, offset in self.written[number, board]:
                table = tables.setdefault(period, {})
                table.pop(user, None)
                table |= {} if score is None else {user: score}
                each.until[0] = offset
        folds: list[AllTime | ByPeriod] = [AllTime(tables[""], counted[0])]
        for name, each in zip(self.calendar.boards, counted[1:], strict=True):
            folds.append(ByPeriod(name, self.calendar, tables, each, sources=1))
        replayed = {0: max((each.until.get(0, -1) for each in counted), default=-1)}
        return Shard(tables, folds, replayed)

    def run(self, begin, places, local, *, late=False):
        """Read on from an offset, in batches; candidates arrive at once, or an epoch later."""
        shards = {number: self.shard(number) for number in range(SHARDS)}
        now, *numbers = self.streams[begin - 1][1] if begin else [0] * 5
        stream = StreamTime(now, tuple(numbers[:2]), tuple(numbers[2:]))
        start = SimpleNamespace(stream=stream, offset=begin)
        starts: Any = SimpleNamespace(of=lambda _partition: start)
        rule = NestedRule(self.calendar, starts)
        step = CandidateFilter(_context(), {each: shards[each] for each in local}, rule)
        waiting: list[tuple[int, Candidates]] = []
        bounds = sorted(
            {
                begin,
                len(self.messages),
                *(min(max(each, begin), len(self.messages)) for each in places),
            }
        )
        for epoch, (first, end) in enumerate(pairwise(bounds)):
            batch = ScoresBatch(0, epoch // 2, self.messages[first:end])
            waiting += [
                (int(name), item) for name, item in step(batch) if isinstance(item, Candidates)
            ]
            if not late or epoch % 2:
                self._fold(shards, waiting)
                waiting.clear()
        self._fold(shards, waiting)

    def run_unfiltered(self):
        """Let every score of a user arrive at its shard."""
        shards = {number: self.shard(number) for number in range(SHARDS)}
        for message, (stream, (now, *_)) in zip(self.messages, self.streams, strict=True):
            user, value, time = message.key(), message.value(), message.timestamp()[1]
            if user is None:
                continue
            score = None if value is None else int(value)
            offsets = [message.offset() or 0]
            item = Candidates(0, [user], [score], [time], offsets, [stream], now, offsets[0])
            self._fold(shards, [(partition_of(user, SHARDS), item)])

    def _fold(self, shards, items):
        for number, item in items:
            for board, fold in enumerate(shards[number].boards):
                for period, user, score, _, offset in fold.improvements(item):
                    self.written[number, board].append(Written(period, user, score, offset))


def _value(score):
    return None if score is None else b"%d" % score


def _context():
    topics = SimpleNamespace(scores=SimpleNamespace(plain_format="json", field="score"))
    context: Any = SimpleNamespace(
        settings=SimpleNamespace(topics=topics, user_max_bytes=16, sign=1),
        topic=lambda kind: SimpleNamespace(partitions=1 if kind == "scores" else SHARDS),
    )
    return context


def _found(pipeline):
    """Return what is written, in order, tombstones of one score in any."""
    return {
        place: sorted(written, key=lambda each: (each.offset, each.period))
        for place, written in pipeline.written.items()
        if written
    }


@given(logs, rules, cuts, st.sets(st.integers(0, SHARDS - 1)), st.booleans())
def test_the_filter_never_drops_what_would_have_improved_a_board(log, rules, places, local, late):
    filtered, unfiltered = (Pipeline(rules, log) for _ in range(2))
    filtered.run(0, places, local, late=late)
    unfiltered.run_unfiltered()

    assert _found(filtered) == _found(unfiltered)


@given(logs, rules, cuts, st.data())
def test_a_crash_between_the_writes_of_two_boards_is_made_good(log, rules, places, data):
    """Each table has a prefix of what it should have; the replay completes each, none twice."""
    whole, crashed = (Pipeline(rules, log) for _ in range(2))
    whole.run_unfiltered()
    begin = len(log)
    for place, written in whole.written.items():
        kept = data.draw(st.integers(0, len(written)))
        crashed.written[place] = written[:kept]
        begin = min([begin, *(each.offset for each in written[kept:])])
    begin = data.draw(st.integers(0, begin))
    crashed.run(begin, places, range(SHARDS))

    assert _found(crashed) == _found(whole)


@given(logs, rules)
def test_the_tables_of_closed_periods_are_given_back(log, rules):
    pipeline = Pipeline(rules, log)
    pipeline.run_unfiltered()
    (shard, *_) = [pipeline.shard(0)]
    item = Candidates(0, [], [], [], [], [], pipeline.stream.now, len(log))
    for fold in shard.boards:
        list(fold.improvements(item))
    left = set(shard.tables) - {""}

    for name in left:
        (period,) = filter(None, (pipeline.calendar.find(board, name) for board in BOARDS[1:]))
        assert period.closes_at > pipeline.stream.now


@pytest.mark.parametrize(
    ("offset", "has_scores", "kept"),
    [(OFFSET_BEGINNING, False, 2), (0, False, 2), (8, True, 2), (OFFSET_BEGINNING, True, 30)],
    ids=["empty", "empty and known", "all counted", "to be read again"],
)
def test_a_partition_holds_closed_periods_in_memory_only_while_it_may_have_scores_of_them(
    offset, has_scores, kept
):
    """Of an empty one, and one whose scores are all counted, no message will say its time."""
    calendar = Calendar(["day"], "UTC", 24)
    start = SimpleNamespace(stream=StreamTime(MONDAY if offset > 0 else 0), offset=offset)
    starts: Any = SimpleNamespace(of=lambda _: start, has_scores=lambda _: has_scores)
    tables: dict[str, dict[bytes, int]] = {}
    counted = Counted({1: 7} if offset > 0 else {}, {})
    fold = ByPeriod("day", calendar, tables, counted, sources=2)
    list(
        fold.improvements(Candidates(1, [], [], [], [], [], *NestedRule(calendar, starts).state(1)))
    )
    for number in range(30):
        time = MONDAY + (number - 30) * 24 * HOUR_MS
        list(fold.improvements(Candidates(0, [b"a"], [1], [time], [number], [time], time, number)))

    assert len(tables) == kept


def test_a_score_is_late_where_its_month_is_closed_and_its_week_is_not(caplog):
    """A week does not end with a month; without a board by day it is the shorter period."""
    calendar = Calendar(["week", "month"], "UTC", 1)
    start = SimpleNamespace(stream=StreamTime())
    starts: Any = SimpleNamespace(of=lambda _: start)
    january = MONDAY + 31 * 24 * HOUR_MS  # a Thursday
    times = [january + 2 * HOUR_MS, january - 1]
    messages = [
        Message("scores", 0, each, b"a", b"1", timestamp=(1, time))
        for each, time in enumerate(times)
    ]
    NestedRule(calendar, starts).advance(0, Scores([b"a", b"a"], [1, 1], messages), 1)

    assert "late scores, the last in partition 0: 1 on month" in caplog.text


def test_the_users_of_these_tests_are_in_both_shards():
    assert {partition_of(user, SHARDS) for user in USERS} == set(range(SHARDS))
