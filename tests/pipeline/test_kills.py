"""kill -9, at random moments and at exact ones: nothing is lost, nothing stands there twice."""

import contextlib
import random
import time

import pytest

from tests.support import oracle
from tests.support.load import load, some
from tests.support.processes import Flow, running
from tests.support.until import until_true

EXACTLY_ONCE = {"LEADERBOARD_GUARANTEE": "exactly_once"}
MOMENTS = [
    "producing 1",
    "producing 150",
    "fenced 1",
    "restoring 1",
    "restoring 5",
    "restored 3",
    "sent 5",
    "committing 1",
    "committing 7",
]


class Services:
    """Both flows, killed and started again as often as one likes."""

    def __init__(self, names, *arguments):
        self._names = names
        self._arguments = {"highscores": arguments, "top5": ()}
        self._flows = []
        for name in self._arguments:
            self.start(name)

    def start(self, name):
        self._flows.append(Flow(name, self._names, *self._arguments[name]))

    def kill(self, name):
        [flow for flow in self._flows if flow.name == name][-1].kill()

    def close(self):
        for flow in self._flows:
            flow.close()


@pytest.mark.parametrize(
    ("victims", "arguments", "given"),
    [
        (["highscores"] * 5, [], {}),
        (["highscores top5"] * 3, ["-w", "2"], {}),
        (["highscores top5", "highscores", "top5"], [], EXACTLY_ONCE),
    ],
    ids=["highscores", "both, two workers", "both, exactly once"],
)
def test_kills_at_random_moments_lose_nothing(names, game, victims, arguments, given):
    dice = random.Random(7)
    replayed = []
    with contextlib.closing(Services({**names, **given}, *arguments)) as parts, load(game):
        for victim in map(str.split, victims):
            time.sleep(dice.random())  # a random moment is what is tried here
            until_true(game.uncommitted, 30)  # work that a restart does again
            for name in victim:
                parts.kill(name)
            replayed.append(game.uncommitted())
            oracle.check_so_far(*map(game.read, ("high_scores", "scores")))
            for name in victim:
                parts.start(name)
    with running({**names, **given}):
        game.drain()

    assert sum(map(bool, replayed)) > len(victims) // 2, (
        replayed
    )  # a commit may come before the kill
    oracle.check(game.read)


def test_kills_of_top5_at_random_moments_publish_no_board_that_was_not_true(names, game):
    dice = random.Random(8)
    boards = [0]
    with contextlib.closing(Services(names)) as parts, load(game):
        for _ in range(4):
            until_true(lambda: game.end("top_5") > boards[-1], 30)
            time.sleep(dice.random())  # a random moment is what is tried here
            parts.kill("top5")
            boards.append(game.end("top_5"))
            parts.start("top5")
    with running(names):
        game.drain()

    assert boards == sorted(set(boards))
    oracle.check(game.read)


@pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once"])
def test_kills_at_exact_moments_lose_nothing_and_write_nothing_twice(names, game, guarantee):
    given = {**names, "LEADERBOARD_GUARANTEE": guarantee}
    game.send(*some(1, 200))
    with contextlib.closing(Flow("highscores", given)):
        until_true(lambda: game.lag() == 0, 30)
    for seed, moment in enumerate(MOMENTS, 2):
        game.send(*some(seed, 200))
        flow = Flow("highscores", given, halt=f"{moment} SIGKILL")
        try:
            assert flow.wait(40) == [-9], moment
            assert flow.restored() < 8 or not moment.startswith("resto"), moment
            oracle.check_so_far(*map(game.read, ("high_scores", "scores")))
        finally:
            flow.close()
    with running(given):
        game.drain()

    oracle.check(game.read)


def test_what_was_produced_and_never_sent_is_not_committed(names, game):
    names = {**names, "LEADERBOARD_GUARANTEE": "at_least_once"}
    not_sent = {**names, "LEADERBOARD_KAFKA": '{"linger.ms": 50000}'}
    game.send(*some(1, 300))
    flow = Flow("highscores", not_sent, halt="unsent 1 SIGKILL")
    try:
        statuses = flow.wait(40)
    finally:
        flow.close()
    written = game.end("high_scores")
    with running(names):
        game.drain()

    assert statuses == [-9]
    assert written == 0
    oracle.check(game.read)


def test_replays_that_overlap_tombstones_write_nothing_twice_in_any_shape(names, game):
    shapes = [((), 1), (("-w", "3"), 1), ((), 2), (("-w", "2"), 1)]
    replayed = []
    for seed, (arguments, processes) in enumerate(shapes, 1):
        game.send(*some(seed, 300, tombstones=0.2))
        flow = Flow(
            "highscores", names, *arguments, processes=processes, halt="committing 1 SIGKILL"
        )
        try:
            assert -9 in flow.wait(30), arguments
        finally:
            flow.close()
        replayed.append(game.uncommitted())
    with running(names):
        game.drain()

    assert replayed == sorted(set(replayed))
    assert replayed[0] > 0
    oracle.check(game.read)
