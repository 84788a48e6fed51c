"""Break things at random for some minutes: `python -m tests.pipeline.chaos --minutes 5 --seed 7`.

Players send unique scores, ties, duplicates and tombstones all the while; flows are killed, paused,
stopped, restarted with other workers and processes, and the broker is killed. With `exactly_once` a
paused flow is also left beside a new one, and one of them must end with status 77. At the end all
is drained.
Ends with LOST=0 WRONG=0 REGRESSED=0, or status 1.
"""

import argparse
import contextlib
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from conf.loading import load
from dataflows.kafka.topics import await_topics
from local.cluster import started
from tests.support import oracle
from tests.support.processes import Flow, Game
from tests.support.until import until_true

if TYPE_CHECKING:
    import subprocess

SHAPES = [((), 1), (("-w", "2"), 1), (("-w", "3"), 1), ((), 2)]
USERS = 80
ROUND_SECONDS = 5
EARLY_SECONDS = 2
RIGHT_SECONDS = 60
UNIQUE = 10**8  # more than there are messages


class Crowd(threading.Thread):
    """Sends scores until told to stop; a broker that is away makes it wait."""

    def __init__(self, game: Game, seed: int) -> None:
        super().__init__(daemon=True)
        self._game = game
        self._dice = random.Random(seed)
        self._user, self._score = "user0", 0
        self.number = 0  # of messages made
        self.stopping = threading.Event()

    def run(self) -> None:
        """Send some scores, pause a little, go on."""
        while not self.stopping.wait(0.05):
            self._game.send(*[self._message() for _ in range(20)])

    def _message(self) -> tuple[str, bytes | None]:
        """Make a new high score, or a lower one, unique too; sometimes a tombstone or a repeat."""
        self.number += 1
        kind = self._dice.random()
        if kind < 0.05:  # of the same user: a duplicate; of another one: a tie
            return self._dice.choice([self._user, self._draw()]), b"%d" % self._score
        self._user = self._draw()
        if kind < 0.07:
            return self._user, None
        level = self.number if kind < 0.6 else self._dice.randrange(self.number)
        self._score = level * UNIQUE + self.number
        return self._user, b"%d" % self._score

    def _draw(self) -> str:
        return f"user{self._dice.randrange(USERS)}"


class Chaos:
    """A broker, both flows, and what is done to them."""

    def __init__(self, data: Path, seed: int, guarantee: str) -> None:
        self._data = data
        self._port = 0
        self._overlaps = guarantee == "exactly_once"
        self._names = {"LEADERBOARD_GUARANTEE": guarantee}
        self.dice = random.Random(seed)
        self.restarts = 0
        self.kills = 0
        self.midway = 0
        self.revived = 0
        self.longest = 0.0
        self.flows: list[Flow] = []
        self._old: list[Flow] = []
        self._brokers = contextlib.ExitStack()
        self._process: subprocess.Popen[bytes] | None = None

    def start_broker(self) -> str:
        """Start the broker, from the second time on at the same address."""
        broker = self._brokers.enter_context(started(self._data, self._port, {}))
        self._port = int(broker.address.rpartition(":")[2])
        self._process = broker.process
        return broker.address

    def start(self) -> None:
        """Start both flows, the first one in a shape drawn at random."""
        arguments, processes = self.dice.choice(SHAPES)
        print(f"start {arguments} x{processes}", flush=True)
        highscores = Flow("highscores", self._names, *arguments, processes=processes)
        self.flows = [highscores, Flow("top5", self._names)]

    def round(self, game: Game, crowd: Crowd) -> None:
        """Do one thing under load, and measure how long it takes until the board is right again.

        That is when the best on it was made after the flows were hurt; the verdict at the end looks
        whether all that it showed was true.
        """
        before = game.end("high_scores")
        self.await_right(lambda: game.end("high_scores") > before)
        time.sleep(self.dice.uniform(0.2, ROUND_SECONDS))
        hurts = [self._kill, self._kill, self._kill_one, self._kill_early]
        actions = [*hurts, self._stop, self._pause, self._bounce]
        action = self.dice.choice([*actions, *[self._overlap] * 2 * self._overlaps])
        print(action.__name__.strip("_"), flush=True)
        sent, position = game.bounds("scores"), game.end("top_5")
        began, number = time.monotonic(), crowd.number
        action()
        if action in hurts:
            self.kills += 1
            self.midway += game.behind(sent) > 0
        if not self._old:
            close(self.flows)
        self.start()
        self.restarts += 1
        self.await_right(lambda: leader(game, position) >= number * UNIQUE)
        took = time.monotonic() - began
        print(f"right again after {took:.1f} s", flush=True)
        self.longest = max(self.longest, took)
        if self._old:
            self._wake()

    def await_right(self, condition: Callable[[], bool]) -> None:
        """Wait, and start again what has ended by itself meanwhile, as its last line asks."""
        until_true(lambda: self._revive() or condition(), RIGHT_SECONDS)

    def _revive(self) -> bool:
        if any(map(ended, self.flows)):
            for flow in self.flows:
                statuses = [process.poll() for process in flow.processes]
                print(f"{flow.name}: {statuses}: {flow.said()[-200:]}", flush=True)
                assert 0 not in statuses
            self.revived += 1
            close(self.flows)
            self.start()
        return False

    def close(self) -> None:
        """End what runs."""
        close([*self.flows, *self._old])

    def close_broker(self) -> None:
        """End the broker."""
        self._brokers.close()

    def _kill(self) -> None:
        for flow in self.dice.sample(self.flows, self.dice.randint(1, 2)):
            flow.kill()

    def _kill_one(self) -> None:
        """Kill one process; the others of its cluster end by themselves."""
        highscores, _ = self.flows
        self.dice.choice(highscores.processes).kill()
        highscores.wait(15)

    def _kill_early(self) -> None:
        """Kill, and kill again what has just begun: while it restores, or in its first epoch."""
        close(self.flows)
        self.start()
        time.sleep(self.dice.uniform(0, EARLY_SECONDS))
        for flow in self.flows:
            flow.kill()

    def _stop(self) -> None:
        for flow in self.flows:
            flow.send(self.dice.choice([signal.SIGTERM, signal.SIGINT]))
        for flow in self.flows:
            flow.wait(15)

    def _pause(self) -> None:
        for flow in self.flows:
            flow.send(signal.SIGSTOP)
        time.sleep(self.dice.uniform(0.5, 3))
        for flow in self.flows:
            flow.send(signal.SIGCONT)

    def _bounce(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._brokers.close()
        self.start_broker()

    def _overlap(self) -> None:
        for flow in self.flows:
            flow.send(signal.SIGSTOP)
        self._old = self.flows

    def _wake(self) -> None:
        """Let the paused flows go on beside the new ones: one of each two must end as fenced.

        It is the new one where the old one was paused while it fenced: then that began last.
        """
        for flow in self._old:
            flow.send(signal.SIGCONT)
        pairs = list(zip(self._old, self.flows, strict=True))
        self._old = []
        for pair in pairs:
            until_true(lambda: any(map(ended, pair)), RIGHT_SECONDS)  # noqa: B023 - called at once
            fenced = next(flow for flow in pair if ended(flow))
            statuses = fenced.wait(RIGHT_SECONDS)
            print(f"fenced {fenced.name}: {statuses}", flush=True)
            assert 77 in statuses, fenced.said()[-2_000:]
        close(old for old, _ in pairs)
        if any(map(ended, self.flows)):
            close(self.flows)
            self.start()


def ended(flow: Flow) -> bool:
    """Tell whether a process of a flow has ended; the others of its cluster do so soon."""
    return any(process.poll() is not None for process in flow.processes)


def close(flows: Iterable[Flow]) -> None:
    """End flows, whatever they are doing."""
    for flow in flows:
        flow.close()


def leader(game: Game, position: int) -> int:
    """Give the best score of the newest board after a position of `top-5`, or 0."""
    boards = game.read("top_5", start=position)
    rows = json.loads(boards[-1].value or b"")["rows"] if boards else []
    return int(rows[0]["score"]) if rows else 0


def verdict(game: Game) -> tuple[int, int, int]:
    """Count users with a wrong best, boards that are wrong, and bests that went down."""
    expected = oracle.improvements(game.read("scores"))
    actual = oracle.written(game.read("high_scores"))
    lost = sum(
        each not in actual.get(user, []) for user, found in expected.items() for each in found
    )
    wrong = sum(actual.get(user) != found for user, found in expected.items())
    wrong += len(actual.keys() - expected.keys())
    try:
        oracle.check(game.read)
    except AssertionError as error:
        print(f"wrong: {str(error)[:500]}")
        wrong = max(wrong, 1)
    return lost, wrong, sum(1 for _ in regressions(actual))


def regressions(actual: dict[bytes, list[oracle.Improvement]]) -> Iterator[bytes]:
    """Yield the users whose best went down, once for each time."""
    for user, found in actual.items():
        last: int | None = None
        for each in found:
            if last is not None and each.score is not None and each.score <= last:
                yield user
            last = each.score


def main() -> int:
    """Run it; status 1 if anything is lost, wrong or went back, or does not go on in time."""
    parser = argparse.ArgumentParser(prog="python -m tests.pipeline.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    guarantees = ["at_least_once", "exactly_once"]
    parser.add_argument("--guarantee", choices=guarantees, default="exactly_once")
    options = parser.parse_args()
    print(f"seed={options.seed} {options.guarantee}", flush=True)
    with tempfile.TemporaryDirectory() as data:
        chaos = Chaos(Path(data), options.seed, options.guarantee)
        try:
            os.environ["LEADERBOARD_BOOTSTRAP_SERVERS"] = chaos.start_broker()
            lost, wrong, regressed = run(chaos, options.seed, 60 * options.minutes)
        finally:
            chaos.close()
            chaos.close_broker()
    print(
        f"{chaos.restarts} restarts survived, {chaos.longest:.1f} s at most to the next right "
        f"board; {chaos.midway} of {chaos.kills} kills hit unfinished work; "
        f"{chaos.revived} times a flow ended by itself"
    )
    print(f"LOST={lost} WRONG={wrong} REGRESSED={regressed} seed={options.seed}")
    return 1 if lost or wrong or regressed else 0


def run(chaos: Chaos, seed: int, seconds: float) -> tuple[int, int, int]:
    """Break things for so long, drain, and count what is wrong."""
    game = Game(load())
    await_topics(game.settings)
    crowd = Crowd(game, seed)
    crowd.start()
    chaos.start()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        chaos.round(game, crowd)
    assert crowd.is_alive()
    crowd.stopping.set()
    crowd.join(90)
    chaos.await_right(lambda: game.lag() == 0)
    game.drain()
    return verdict(game)


if __name__ == "__main__":
    sys.exit(main())
