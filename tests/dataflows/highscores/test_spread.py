"""A user whose scores stand in two partitions is reported once, and nobody else is."""

import pytest

from dataflows.highscores import spread
from dataflows.highscores.spread import SpreadCheck
from dataflows.metrics import users_in_two_partitions


@pytest.fixture
def counted():
    """Return how many users were reported since the test began."""
    before = users_in_two_partitions._value.get()  # noqa: SLF001 - its client has no other way
    return lambda: users_in_two_partitions._value.get() - before  # noqa: SLF001


def test_users_of_one_partition_each_are_not_reported(counted, caplog):
    check = SpreadCheck()
    for _ in range(2):
        check.note(0, [b"ann", b"bob"], [])
        check.note(1, [b"cid", b"dan"], [b"cid", b"dan"])  # as all clients of librdkafka choose
    check.note(1, [b"cid", b"dan"], [b"cid"])  # by now its shard knows dan

    assert counted() == 0
    assert caplog.text == ""


def test_a_user_of_two_partitions_is_reported_once_whichever_comes_first(counted, caplog):
    check = SpreadCheck()
    check.note(1, [b"ann"], [b"ann"])
    check.note(0, [b"ann"], [])
    check.note(2, [b"ann"], [b"ann"])
    check.note(0, [b"bob"], [])
    check.note(3, [b"bob"], [b"bob"])
    check.note(0, [b"bob"], [])

    assert counted() == 2
    assert caplog.text.count("the scores of b'ann' are in the partitions 1 and 0") == 1
    assert "b'bob'" not in caplog.text  # it is counted


def test_no_more_users_are_remembered_than_the_bound(monkeypatch):
    monkeypatch.setattr(spread, "AWAY_USERS", 2)
    check = SpreadCheck()
    names = [b"user%d" % number for number in range(9)]
    check.note(1, names, names)

    assert len(check._away) == 2  # noqa: SLF001 - its bound is what is tested
