"""A paused flow wakes beside its successor, and a dead one leaves its transaction open."""

import contextlib
import itertools
import time

import pytest

from tests.support import oracle
from tests.support.load import some
from tests.support.processes import Flow, open_game, running
from tests.support.until import until_true

EXACTLY_ONCE = {"LEADERBOARD_GUARANTEE": "exactly_once"}
ONE_SHARD = {f"LEADERBOARD_TOPICS__{kind}__PARTITIONS": "1" for kind in ("SCORES", "HIGH_SCORES")}
SOON_OVER = {"LEADERBOARD_KAFKA": '{"delivery.timeout.ms": 8000}'}
NOT_SENT = {"LEADERBOARD_KAFKA": '{"linger.ms": 9000}'}


@contextlib.contextmanager
def paused(name, names, *arguments, halt, before=lambda _: None):
    """Run a flow that pauses at a moment, and wait for it; `before` does what leads to it."""
    flow = Flow(name, names, *arguments, halt=f"{halt} SIGSTOP")
    try:
        before(flow)
        flow.await_pause()
        yield flow
    finally:
        flow.close()


@pytest.mark.parametrize(
    ("halt", "given"),
    [("producing 100", NOT_SENT), ("sent 8", {}), ("committing 1", {})],
    ids=["produced, not sent", "sent, not committed", "committed"],
)
def test_exactly_once_fences_a_flow_that_was_paused(names, game, halt, given):
    """Paused after it has fenced in all shards: before that it would fence the new one."""
    names = {**names, **EXACTLY_ONCE}

    def play(old):
        until_true(lambda: old.restored() == len(game.bounds("high_scores")), 30)
        game.send(*some(1, 500))

    with paused("highscores", {**names, **given}, halt=halt, before=play) as old:
        with running(names):
            game.send(*some(2, 500))
            game.drain()
            old.resume()
            game.send(*some(3, 500))
            statuses = old.wait(30)
            game.drain()
        said = old.said()

    assert statuses == [77] or (given == NOT_SENT and statuses == [1])  # its time-out came first
    assert ("fenced: another flow writes" if statuses == [77] else "not delivered") in said
    oracle.check(game.read)


def test_at_least_once_ends_the_older_of_two_flows_and_a_restart_restores_what_it_lowered(
    names, game
):
    names = {**names, "LEADERBOARD_GUARANTEE": "at_least_once"}
    late = {**names, "LEADERBOARD_KAFKA": '{"linger.ms": 1000}'}

    def play(_old):
        game.send(*some(0, 20, tombstones=0))
        until_true(lambda: game.read("high_scores"), 30)  # when it goes on, it can send at once
        game.send(*some(1, 500, tombstones=0))

    with paused("highscores", late, "-s", "60", halt="producing 100", before=play) as old:
        with running(names):
            game.send(*some(2, 500, tombstones=0))
            game.drain()
            before = game.read("high_scores")
            old.resume()
            statuses = old.wait(10)
            lowered = oracle.regressions(game.read("high_scores"))
            until_true(lambda: oracle.regressions(game.read("high_scores")), 30)
        said = old.said()
    with running(names) as (highscores, _):
        game.drain()
        until_true(lambda: "went down without a tombstone" in highscores.said(), 30)
        until_true(lambda: bests(game) == expected(game), 30)

    assert oracle.regressions(before) == []
    assert lowered
    assert statuses == [77]
    assert "another flow of group" in said


def bests(game):
    return oracle.standings(game.read("high_scores"))


def expected(game):
    return oracle.table(oracle.improvements(game.read("scores")))


def test_a_shard_is_read_only_after_its_earlier_writer_is_fenced(names, monkeypatch):
    names = {**names, **EXACTLY_ONCE, **ONE_SHARD}
    game = open_game(names, monkeypatch)
    game.send(*some(1, 500))
    with paused("highscores", names, halt="sent 1") as old:
        game.send(*some(2, 500))
        with paused("highscores", names, halt="restored 1") as new:
            old.resume()
            statuses = old.wait(30)
            new.resume()
            with contextlib.closing(Flow("top5", names)):
                game.drain()

    assert statuses == [77]
    oracle.check(game.read)


@pytest.mark.parametrize(("name", "written"), [("highscores", "high_scores"), ("top5", "top_5")])
def test_a_flow_that_stood_still_in_a_transaction_asks_for_a_restart(
    names, monkeypatch, name, written
):
    """Kafka fences it as a successor would, although there is none."""
    names = {**names, **EXACTLY_ONCE, **ONE_SHARD, **SOON_OVER}
    game = open_game(names, monkeypatch)
    game.send(*some(1, 500))
    if name == "top5":
        with contextlib.closing(Flow("highscores", names)):
            until_true(lambda: game.lag() == 0, 30)
    with paused(name, names, halt="sent 1") as flow:
        until_true(lambda: game.end(written), 60)  # stable: the transaction is over
        flow.resume()
        statuses = flow.wait(30)
        said = flow.said()
    with running(names):
        game.drain()

    assert statuses == [75]
    assert "ended a transaction" in said
    oracle.check(game.read)


def test_a_flow_that_stood_still_in_a_transaction_ends_where_a_younger_one_has_begun(
    names, monkeypatch
):
    names = {**names, **EXACTLY_ONCE, **ONE_SHARD, **SOON_OVER}
    game = open_game(names, monkeypatch)
    game.send(*some(1, 500))
    with paused("highscores", names, halt="sent 1") as old:
        until_true(lambda: game.end("high_scores"), 60)
        with running(names):
            game.drain()
            old.resume()
            statuses = old.wait(30)

    assert statuses in ([77], [1])  # 1 where its own time-out comes before Kafka's answer


def test_a_transaction_left_open_holds_nobody_back_for_its_timeout(names, game):
    names = {**names, **EXACTLY_ONCE}
    game.send(*some(1, 500))
    left_open = {**names, "LEADERBOARD_KAFKA": '{"delivery.timeout.ms": 90000}'}
    old = Flow("highscores", left_open, halt="sent 5 SIGKILL")
    try:
        old.wait(30)
    finally:
        old.close()
    hidden = len(game.read("high_scores", "read_uncommitted")) - len(game.read("high_scores"))
    game.send(*some(2, 500))
    began = time.monotonic()
    with running(names):
        game.drain()
        took = time.monotonic() - began

    assert hidden > 0
    assert took < 45
    oracle.check(game.read)


@pytest.mark.parametrize(
    ("halt", "given"),
    [("producing 2", NOT_SENT), ("sent 2", {})],
    ids=["produced, not sent", "sent, not committed"],
)
def test_exactly_once_fences_a_paused_top5_and_no_board_goes_back(names, game, halt, given):
    """Paused at a moment that comes only when boards change."""
    names, seeds = {**names, **EXACTLY_ONCE}, itertools.count(1)

    def play(old):
        until_true(lambda: game.send(*some(next(seeds), 10)) or old.is_paused(), 30)

    with (
        contextlib.closing(Flow("highscores", names)),
        paused("top5", {**names, **given}, halt=halt, before=play) as old,
        contextlib.closing(Flow("top5", names)),
    ):
        game.send(*some(10_000, 100))
        game.drain()
        old.resume()
        game.send(*some(10_001, 100))
        statuses = old.wait(30)
        game.drain()

    assert statuses == [77]
    oracle.check(game.read)
