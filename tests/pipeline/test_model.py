"""All pure parts together: whatever is cut, late, killed and read again, the topics are right."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tests.support import oracle
from tests.support.log_model import ALL, PARTITIONS, SHARDS, Board, Highscores, Logs

partitions = st.integers(0, PARTITIONS - 1)
shards = st.integers(0, SHARDS - 1)
processes = st.integers(1, 3)
counts = st.sampled_from([0, 1, 2, ALL, ALL])
values = st.sampled_from([None, None, b"-1", b"0", b"1", b"2"])
messages = st.tuples(st.sampled_from([b"a", b"b", b"c"]), values, st.integers(-1, 3))


class Flows(RuleBasedStateMachine):
    """Both flows, and everything that may happen to them."""

    @initialize(count=processes)
    def start(self, count):
        self.logs = Logs()
        self.committed = [0] * PARTITIONS
        self.highscores = Highscores(self.logs, [0] * PARTITIONS, count)
        self.board = Board(self.logs, count)

    @rule(sent=st.lists(messages, min_size=1, max_size=3), count=counts)
    def send(self, sent, count):
        for message in sent:
            self.logs.append("scores", message[0][0] % PARTITIONS, message)
        for partition in range(PARTITIONS):
            self.highscores.read(partition, count)

    @rule(shard=shards)
    def restore(self, shard):
        self.highscores.restore(shard)

    @rule(partition=partitions, shard=shards, arriving=counts, delivered=counts)
    def fold(self, partition, shard, arriving, delivered):
        self.highscores.fold(partition, shard, arriving, delivered)

    @rule(commits=st.sets(partitions))
    def end_epoch(self, commits):
        self.highscores.end_epoch()
        for partition in commits:
            self.committed[partition] = self.highscores.positions[partition]

    @rule(count=processes, back=st.tuples(*[st.integers(0, 4)] * PARTITIONS))
    def kill_highscores(self, count, back):
        positions = [max(0, each - less) for each, less in zip(self.committed, back, strict=True)]
        self.highscores = Highscores(self.logs, positions, count)

    @rule(count=processes)
    def kill_top5(self, count):
        self.board = Board(self.logs, count)

    @rule(counts=st.tuples(*[st.sampled_from([0, 1, ALL, ALL])] * SHARDS), is_due=st.booleans())
    def follow(self, counts, is_due):
        self.board.follow(counts, is_due=is_due)

    @invariant()
    def what_stands_there_is_right_so_far(self):
        high_scores = self.logs.read("high_scores")
        oracle.check_so_far(high_scores, self.logs.read("scores"))
        oracle.check_boards(self.logs.read("top_5"), high_scores)

    def teardown(self):
        """Drain it all: then it is right to the last message."""
        for partition in range(PARTITIONS):
            self.highscores.read(partition, ALL)
        self.highscores.end_epoch()
        self.board.follow([ALL] * SHARDS, is_due=True)
        oracle.check(self.logs.read)


def test_whatever_happens_in_whatever_order_the_log_is_right():
    many = settings(max_examples=400, stateful_step_count=50, deadline=None)
    run_state_machine_as_test(Flows, settings=many)
