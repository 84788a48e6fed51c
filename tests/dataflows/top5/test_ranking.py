"""A ranked table shows the best of its users, whatever changes."""

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dataflows.leaderboard import rank_keys
from dataflows.top5.ranking import RankedTable

users = st.sampled_from([b"a", b"b", b"c", b"\xc3\xa9", b"z" * 20])


class RankedTableAgainstSorting(RuleBasedStateMachine):
    """It shows what sorting the whole table would, and reports who was removed from that."""

    def __init__(self):
        super().__init__()
        self.ranked = RankedTable(2)
        self.ranked._reserve = 3  # noqa: SLF001 - small, so that it runs out
        self.table = {}
        self.removals = []

    some_users = st.integers(0, 12).map(lambda number: b"user%d" % number)

    @initialize(table=st.dictionaries(some_users, st.integers(0, 4)))
    def load(self, table):
        keys = rank_keys(table.values(), [1] * len(table))
        self.table = dict(zip(table, keys, strict=True))
        self.ranked.load(table, keys)
        self.ranked.search()

    @rule(user=some_users, score=st.integers(0, 4), time=st.integers(1, 3))
    def put(self, user, score, time):
        (key,) = rank_keys([score], [time])
        self.table[user] = key
        self.ranked.put(user, key or 0)

    @rule(user=some_users, time=st.integers(1, 3))
    def remove(self, user, time):
        if user in [shown for _, shown in self.best()]:
            self.removals.append((user, time))
        self.table.pop(user, None)
        self.ranked.remove(user, time)

    @precondition(lambda self: self.table)
    @rule()
    def remove_the_first(self):
        _, user = min((key, user) for user, key in self.table.items())
        self.remove(user, 1)

    @invariant()
    def shows_the_best_of_the_table(self):
        removals, self.removals = self.removals, []

        assert [tuple(each) for each in self.ranked.best()] == self.best()
        assert [tuple(removal) for removal in self.ranked.pop_removals()] == removals
        assert len(self.ranked) == len(self.table)
        assert len(self.ranked._leaders) <= 2 * 3  # noqa: SLF001 - its bound has no other sign

    def best(self):
        return sorted((key, user) for user, key in self.table.items())[:2]


TestRankedTable = RankedTableAgainstSorting.TestCase
TestRankedTable.settings = settings(max_examples=100, stateful_step_count=40)


@given(st.lists(st.tuples(users, st.one_of(st.none(), st.integers(0, 9))), max_size=30))
def test_a_table_that_is_loaded_ends_as_one_that_is_followed(changes):
    loaded, followed = RankedTable(3), RankedTable(3)
    names = [user for user, _ in changes]
    keys = rank_keys([score for _, score in changes], [1] * len(changes))
    loaded.load(names, keys)
    loaded.search()
    followed.search()
    for user, key in zip(names, keys, strict=True):
        if key is None:
            followed.remove(user, 1)
        else:
            followed.put(user, key)

    assert loaded.best() == followed.best()
    assert len(loaded) == len(followed)
