"""The rules: the fold is the greatest score, a board is the sorted table, whatever the order."""

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dataflows.leaderboard import (
    HIGHEST,
    LOWEST,
    Board,
    Candidates,
    Improvement,
    Place,
    Removal,
    Row,
    Shard,
    improvements,
    merge,
    row,
    standings,
    succeed,
)

users = st.sampled_from([b"a", b"b", b"c", b"\xc3\xa9", b"z" * 20])
scores = st.one_of(st.none(), st.integers(-3, 3), st.sampled_from([LOWEST, HIGHEST]))
logs = st.lists(st.tuples(users, scores), max_size=30)


def fold(log, best, counted, begin=0, partition=0):
    """Fold a log from an offset on, in batches of three."""
    found: list[Improvement] = []
    for first in range(begin, len(log), 3):
        part = log[first : first + 3]
        names, made = map(list, zip(*part, strict=True))
        offsets = list(range(first, first + len(part)))
        candidates = Candidates(partition, names, made, [1] * len(part), offsets)
        found += improvements(best, counted, candidates)
    return found


def expected(log):
    best: dict[bytes, int] = {}
    found: list[tuple[bytes, int | None, int]] = []
    for offset, (user, score) in enumerate(log):
        if score is None and user in best:
            del best[user]
            found.append((user, None, offset))
        elif score is not None and (user not in best or score > best[user]):
            best[user] = score
            found.append((user, score, offset))
    return best, found


@given(logs)
def test_the_fold_keeps_the_greatest_since_the_last_tombstone(log):
    best: dict[bytes, int] = {}
    found = [(user, score, offset) for user, score, _, offset in fold(log, best, {})]

    assert (best, found) == expected(log)


@given(logs, st.data())
def test_a_replay_of_any_suffix_writes_nothing_twice(log, data):
    best: dict[bytes, int] = {}
    counted: dict[int, int] = {}
    fold(log, best, counted)
    held = dict(best)
    begin = data.draw(st.integers(0, len(log)))

    assert fold(log, best, counted, begin) == []
    assert best == held


@given(logs, logs, st.randoms())
def test_any_interleaving_of_partitions_gives_the_same_bests(one, other, dice):
    other = [(b"other-" + user, score) for user, score in other]
    best: dict[bytes, int] = {}
    counted: dict[int, int] = {}
    rest = [(0, each) for each in one], [(1, each) for each in other]
    taken = [0, 0]
    while any(taken[side] < len(rest[side]) for side in (0, 1)):
        side = dice.choice([side for side in (0, 1) if taken[side] < len(rest[side])])
        user, score = rest[side][taken[side]][1]
        list(improvements(best, counted, Candidates(side, [user], [score], [1], [taken[side]])))
        taken[side] += 1

    assert best == expected(one)[0] | expected(other)[0]


@given(st.integers(LOWEST, HIGHEST), st.integers(1, HIGHEST))
def test_a_standing_holds_score_and_time_exactly(score, time):
    (standing,) = standings([score], [time])

    assert row(1, Place(standing or 0, b"ann")) == Row(1, "ann", score, time)


@given(st.lists(st.tuples(st.integers(-2, 2), st.integers(1, 3), users), max_size=20))
def test_standings_sort_as_boards_do(entries):
    places = [Place(standings([score], [time])[0] or 0, user) for score, time, user in entries]
    order = sorted((-score, time, user) for score, time, user in entries)

    assert [row(1, place)[1:] for place in sorted(places)] == [
        (user.decode(), -negated, time) for negated, time, user in order
    ]


class ShardAgainstSorting(RuleBasedStateMachine):
    """A shard shows what sorting its whole table would, and tells who left what it showed."""

    def __init__(self):
        super().__init__()
        self.shard = Shard(2)
        self.shard._reserve = 3  # noqa: SLF001 - small, so that it runs out
        self.table = {}
        self.removals = []

    some_users = st.integers(0, 12).map(lambda number: b"user%d" % number)

    @initialize(table=st.dictionaries(some_users, st.integers(0, 4)))
    def load(self, table):
        places = standings(table.values(), [1] * len(table))
        self.table = dict(zip(table, places, strict=True))
        self.shard.load(table, places)
        self.shard.search()

    @rule(user=some_users, score=st.integers(0, 4), time=st.integers(1, 3))
    def put(self, user, score, time):
        (standing,) = standings([score], [time])
        self.table[user] = standing
        self.shard.put(user, standing or 0)

    @rule(user=some_users, time=st.integers(1, 3))
    def remove(self, user, time):
        if user in [shown for _, shown in self.best()]:
            self.removals.append((user, time))
        self.table.pop(user, None)
        self.shard.remove(user, time)

    @precondition(lambda self: self.table)
    @rule()
    def remove_the_first(self):
        _, user = min((standing, user) for user, standing in self.table.items())
        self.remove(user, 1)

    @invariant()
    def shows_the_best_of_the_table(self):
        top = self.shard.top()
        removals, self.removals = self.removals, []

        assert [tuple(place) for place in top.places] == self.best()
        assert [tuple(removal) for removal in top.removals] == removals
        assert top.players == len(self.table)
        assert len(self.shard._view) <= 2 * 3  # noqa: SLF001 - its bound has no other sign

    def best(self):
        return sorted((standing, user) for user, standing in self.table.items())[:2]


TestShard = ShardAgainstSorting.TestCase
TestShard.settings = settings(max_examples=100, stateful_step_count=40)


@given(st.lists(st.tuples(users, st.one_of(st.none(), st.integers(0, 9))), max_size=30))
def test_a_table_that_is_loaded_ends_as_one_that_is_followed(changes):
    loaded, followed = Shard(3), Shard(3)
    names = [user for user, _ in changes]
    places = standings([score for _, score in changes], [1] * len(changes))
    loaded.load(names, places)
    loaded.search()
    followed.search()
    for user, place in zip(names, places, strict=True):
        if place is None:
            followed.remove(user, 1)
        else:
            followed.put(user, place)

    assert loaded.top()[:2] == followed.top()[:2]


def board(*rows, players=9, updated=0):
    return Board("all-time", players, updated, tuple(rows))


def test_an_empty_table_has_an_empty_board():
    assert merge("all-time", 5, [Shard(5).top()]) == board(players=0)


def test_a_new_row_dates_the_board():
    last = board(Row(1, "ann", 9, 50), updated=50)
    now = board(Row(1, "ann", 9, 50), Row(2, "bob", 5, 70))

    assert succeed(last, now).updated == 70


def test_a_removal_dates_the_board_by_the_time_of_the_tombstone():
    last = board(Row(1, "ann", 9, 50), Row(2, "bob", 5, 40), updated=50)
    now = board(Row(1, "bob", 5, 40))

    assert succeed(last, now, [Removal(b"ann", 90), Removal(b"cid", 99)]).updated == 90


def test_a_board_that_lost_rows_while_nobody_looked_keeps_its_date():
    last = board(Row(1, "ann", 9, 50), Row(2, "bob", 5, 40), updated=60)

    assert succeed(last, board(Row(1, "bob", 5, 40))).updated == 60
    assert succeed(last, board()).rows == ()


def test_a_board_with_the_same_rows_keeps_its_date():
    last = board(Row(1, "ann", 9, 50), updated=60)

    assert succeed(last, board(Row(1, "ann", 9, 50), updated=50)) == last
    assert succeed(last, last, [Removal(b"ann", 90)]) == last  # who came back as before
