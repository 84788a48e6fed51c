"""Our rankings in a process of their own: `python -m bench.rankings USERS SECONDS`."""

import asyncio
import json
import statistics
import sys
import threading
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from bench.facts import Row
from bench.users import (
    BEST,
    LATE_SECONDS,
    REQUESTS,
    TIME,
    UPDATES,
    any_user,
    random_below,
    scores,
    summary,
)
from conf.loading import load
from dataflows.leaderboard import rank_keys
from web.__main__ import set_up_interpreter
from web.kafka.table import BATCH, PAUSE_SECONDS, WORK_SECONDS
from web.ranks import documents
from web.ranks.rankings import Change, Rankings

UPDATED = 50  # users at once
CALLS = 2_000  # of each kind


class ChangedRankings:
    """Rankings that a thread loads, and then changes, as the reader of the web app does."""

    def __init__(self, users: int) -> None:
        self.rankings = Rankings(load())
        self._users = users
        self._stopping = threading.Event()
        self._error: Exception | None = None
        self.ready_seconds = self.update_us = self._pause_at = 0.0
        self.is_ready = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def stop(self) -> None:
        """Change them no more; raises what `check` raises."""
        self.check()
        self._stopping.set()
        self.thread.join()

    def check(self) -> None:
        """Raise the error of the thread, if it has one."""
        if self._error:
            raise self._error

    def _run(self) -> None:
        try:
            self._load()
            self._update()
        except Exception as error:  # noqa: BLE001 - `check` raises it
            self._error = error
            self._stopping.wait()  # the clock of a thread that has ended cannot be read

    def _load(self) -> None:
        started = time.monotonic()
        pairs = scores(self._users)
        while changes := [_change(*pair) for pair in islice(pairs, BATCH)]:
            self.rankings.load(changes)
            self._pause_if_due()
        for _ in self.rankings.build():
            self._pause_if_due()
        self.rankings.not_ready = ""
        self.ready_seconds = time.monotonic() - started
        self.is_ready.set()

    def _pause_if_due(self) -> None:
        if time.monotonic() >= self._pause_at:
            self._stopping.wait(PAUSE_SECONDS)
            self._pause_at = time.monotonic() + WORK_SECONDS

    def _update(self) -> None:
        started, used, count = time.monotonic(), 0.0, 0
        while not self._stopping.wait(max(0, started + count / UPDATES - time.monotonic())):
            changes = [_change(any_user(self._users)) for _ in range(UPDATED)]
            before = time.thread_time()
            self.rankings.apply(changes, {})
            used += time.thread_time() - before
            count += UPDATED
        self.update_us = used / max(1, count) * 1e6


def _change(user: bytes, score: int | None = None) -> Change:
    score = random_below(BEST) if score is None else score
    return Change("all-time", "", user, rank_keys([score], [TIME])[0])


async def measure(users: int, seconds: float) -> Row:
    """Load the users, answer requests for their ranks, and measure single calls."""
    set_up_interpreter()
    before = _resident()
    changed = ChangedRankings(users)
    changed.thread.start()
    holds = await _holds(changed)
    resident = (_resident() - before) / users
    requests = await _ask(changed, users, seconds)
    changed.stop()
    return {
        "bytes_per_user": resident,
        "ready_seconds": changed.ready_seconds,
        "update_us": changed.update_us,
        **_calls(changed.rankings, users),
        **requests,
        "hold_p99_ms": statistics.quantiles(holds, n=100)[98],
        "hold_ms": max(holds),
    }


def _calls(rankings: Rankings, users: int) -> Row:
    with rankings.open("all-time") as ranked:
        ranking = ranked.ranking
        return {
            "rank_us": _micros(lambda: ranking.find(any_user(users))),
            "around_us": _micros(lambda: ranking.around(random_below(1, users), 2)),
            "page_us": _micros(lambda: ranking.rows(random_below(1, users), 100)),
        }


async def _holds(changed: ChangedRankings) -> list[float]:
    """Return how long the thread has held the event loop, in ms, until the ranks are ready.

    That is the CPU time of the thread within a wait of the loop, or the time by which the loop was
    late, if that is less: so other programs on the machine count little.
    """
    clock = time.pthread_getcpuclockid(changed.thread.ident or 0)
    holds = [0.0, 0.0]  # quantiles need two, and the ranks may be ready at once
    while not changed.is_ready.is_set():
        changed.check()
        began, used = time.monotonic(), time.clock_gettime(clock)
        await asyncio.sleep(0.001)
        late = time.monotonic() - began - 0.001
        holds.append(1_000 * min(late, time.clock_gettime(clock) - used))
    return holds


async def _ask(changed: ChangedRankings, users: int, seconds: float) -> Row:
    """Answer 1,000 requests a second beside the updates; those that are late, for 10 s more."""
    times: list[float] = []
    due = started = time.monotonic()
    until = started + seconds
    while due < until and (now := time.monotonic()) < until + LATE_SECONDS:
        if now >= due:
            with changed.rankings.open("all-time") as ranked:
                user = any_user(users).decode()
                documents.encode(documents.player(ranked, user, 2))
            times.append((time.monotonic() - due) * 1_000)
            due = started + len(times) / REQUESTS
        await asyncio.sleep(0)
    return summary(times, time.monotonic() - started)


def _resident() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4_096.0


def _micros(call: Callable[[], object]) -> float:
    before = time.thread_time()
    for _ in range(CALLS):
        call()
    return (time.thread_time() - before) / CALLS * 1e6


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measure(int(sys.argv[1]), float(sys.argv[2])))))
