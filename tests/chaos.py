"""Break things at random for some minutes: `python -m tests.chaos --minutes 5 --seed 7`.

Players send unique scores, ties and tombstones all the while; flows are killed, paused, stopped,
restarted with other workers and processes, and the broker is killed. Each round ends with a drain.
Ends with LOST=0 WRONG=0 REGRESSED=0, or status 1.
"""

import argparse
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from conf.settings import load
from dataflows.topics import await_topics
from local.kafka import running as broker
from tests import oracle
from tests.flows import Flow, Game

SHAPES = [((), 1), (("-w", "2"), 1), (("-w", "3"), 1), ((), 2)]
USERS = 80
ROUND_SECONDS = 8


class Crowd(threading.Thread):
    """Sends scores until told to stop; a broker that is away makes it wait."""

    def __init__(self, game: Game, seed: int) -> None:
        super().__init__(daemon=True)
        self._game = game
        self._dice = random.Random(seed)
        self.stopping = threading.Event()

    def run(self) -> None:
        """Send some scores, pause a little, go on."""
        number = 0
        while not self.stopping.wait(0.05):
            batch = []
            for _ in range(20):
                number += 1
                batch.append(self._message(number))
            self._game.send(*batch)

    def _message(self, number: int) -> tuple[str, bytes | None]:
        user = f"user{self._dice.randrange(USERS)}"
        kind = self._dice.random()
        if kind < 0.02:
            return user, None
        return user, b"%d" % (number if kind < 0.6 else self._dice.randrange(number))


class Chaos:
    """A broker, both flows, and what is done to them."""

    def __init__(self, data: Path, seed: int) -> None:
        self._data = data
        self.dice = random.Random(seed)
        self.restarts = 0
        self.longest = 0.0
        self.flows: list[Flow] = []

    def start(self) -> None:
        """Start both flows, the first one in a shape drawn at random."""
        arguments, processes = self.dice.choice(SHAPES)
        print(f"start {arguments} x{processes}", flush=True)
        self.flows = [Flow("highscores", {}, *arguments, processes=processes), Flow("top5", {})]

    def round(self, game: Game) -> None:
        """Do one thing to the flows, see them right again, and measure how long that takes."""
        time.sleep(self.dice.uniform(0.2, ROUND_SECONDS))
        actions: list[Callable[[], None]] = [self._kill, self._kill, self._stop, self._pause]
        action = self.dice.choice(actions)
        print(action.__name__.strip("_"), flush=True)
        action()
        began = time.monotonic()
        self.close()
        self.start()
        self.restarts += 1
        position = len(game.read("top_5"))
        deadline = began + 60
        while len(game.read("top_5")) == position and time.monotonic() < deadline:
            time.sleep(0.1)
        self.longest = max(self.longest, time.monotonic() - began)

    def close(self) -> None:
        """End what runs."""
        for flow in self.flows:
            flow.close()

    def _kill(self) -> None:
        for flow in self.dice.sample(self.flows, self.dice.randint(1, 2)):
            flow.kill()

    def _stop(self) -> None:
        for flow in self.flows:
            flow.stop(self.dice.choice([signal.SIGTERM, signal.SIGINT]))

    def _pause(self) -> None:
        for flow in self.flows:
            flow.send(signal.SIGSTOP)
        time.sleep(self.dice.uniform(0.5, 3))
        for flow in self.flows:
            flow.send(signal.SIGCONT)


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
    """Run it; status 1 if anything is lost, wrong or went back."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as data:
        chaos = Chaos(Path(data), options.seed)
        with broker(Path(data)) as address:
            os.environ["LEADERBOARD_BOOTSTRAP_SERVERS"] = address
            game = Game(load())
            await_topics(game.settings)
            crowd = Crowd(game, options.seed)
            crowd.start()
            chaos.start()
            end = time.monotonic() + 60 * options.minutes
            try:
                while time.monotonic() < end:
                    chaos.round(game)
                crowd.stopping.set()
                crowd.join(30)
                game.drain()
            finally:
                chaos.close()
            lost, wrong, regressed = verdict(game)
    print(f"{chaos.restarts} restarts survived, {chaos.longest:.1f} s at most to the next board")
    print(f"LOST={lost} WRONG={wrong} REGRESSED={regressed} seed={options.seed}")
    return 1 if lost or wrong or regressed else 0


if __name__ == "__main__":
    sys.exit(main())
