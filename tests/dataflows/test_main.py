"""`python -m dataflows`: a flow as one process or as a cluster, under real signals and kills."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile

import pytest

from dataflows.__main__ import main
from tests.support import oracle
from tests.support.load import load, some
from tests.support.proc import children, is_alive
from tests.support.processes import Flow, Game
from tests.support.until import until_true

SHARDS = 8
SOON = {"LEADERBOARD_KAFKA": '{"topic.metadata.refresh.interval.ms": 500}'}
STALL = {"LEADERBOARD_FLOWS__STALL_SECONDS": "3"}
ABSENT = {"LEADERBOARD_BOOTSTRAP_SERVERS": "127.0.0.1:1"}


class Supervised(Flow):
    """`python -m dataflows NAME ...`; its first and only process is the supervisor."""

    def __init__(self, names, *arguments, name="highscores"):
        self.name = name
        self._log = tempfile.NamedTemporaryFile(suffix=".log")  # noqa: SIM115
        command = [sys.executable, "-m", "dataflows", name, *arguments]
        environment = {**os.environ, **names}
        self.processes = [
            subprocess.Popen(command, env=environment, stdout=self._log, stderr=self._log)
        ]

    @property
    def members(self):
        """Name the processes of the members, in the order of their numbers."""
        return children(self.processes[0].pid)

    def restores(self):
        """Count how often all shards were restored."""
        return self.restored() // SHARDS


@pytest.fixture
def start(names):
    """Yield a function that starts a flow, which is killed at the end."""
    with contextlib.ExitStack() as stack:
        yield lambda *arguments, **more: stack.enter_context(
            contextlib.closing(Supervised({**names, **more}, *arguments))
        )


def drained(game, names):
    """Let everything be counted, by a flow and the board's that run then, and check it."""
    with (
        contextlib.closing(Supervised(names)) as flow,
        contextlib.closing(Supervised(names, name="top5")) as top5,
    ):
        game.drain()

        assert [flow.stop(), top5.stop()] == [[0], [0]]
    oracle.check(game.read)


@pytest.mark.parametrize("processes", ["1", "3"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_flow_of_any_size_stops_cleanly_under_load(names, game, start, processes, number):
    flow = start("--processes", processes)
    with load(game):
        until_true(lambda: flow.restores() == 1 and game.end("high_scores") > 100, 40)
        members = flow.members

        assert len(members) == int(processes)
        assert flow.stop(number) == [0]
    assert not any(map(is_alive, members))
    assert "Traceback" not in flow.said()
    prefixes = set(re.findall(r"^(highscores \d) \| ", flow.said(), re.MULTILINE))
    assert len(prefixes) == (0 if processes == "1" else 3)
    drained(game, names)


@pytest.mark.parametrize("processes", ["1", "2"])
@pytest.mark.usefixtures("game")
def test_a_signal_ends_a_flow_in_any_phase_of_its_start(start, processes):
    moments = [
        lambda flow: flow.members,
        lambda flow: "Running" in flow.said() or flow.restored(),
        lambda flow: flow.restored() > 0,
    ]
    for moment in moments:
        flow = start("--processes", processes)
        until_true(lambda: moment(flow), 30)  # noqa: B023

        assert flow.stop() == [0], flow.said()


def test_a_signal_ends_a_flow_that_waits_for_its_broker(start):
    flow = start("--processes", "2", **ABSENT)
    until_true(lambda: flow.said().count("waiting for the broker") >= 2, 30)

    assert flow.stop() == [0]


def test_a_member_that_is_killed_takes_all_into_a_restart_and_nothing_is_lost(names, game, start):
    flow = start("--processes", "2")
    with load(game):
        until_true(lambda: flow.restores() == 1, 40)
        before = flow.members
        os.kill(before[1], signal.SIGKILL)
        until_true(lambda: flow.restores() == 2, 40)

        assert not set(before) & set(flow.members)
    assert re.search(r"highscores \d ended with status (-9|1), starts again in", flow.said())
    assert flow.stop() == [0]
    drained(game, names)


def test_a_supervisor_that_is_killed_leaves_no_process_behind(names, game, start):
    flow = start("--processes", "2")
    with load(game):
        until_true(lambda: flow.restores() == 1, 40)
        members = flow.members
        flow.kill()
        until_true(lambda: not any(map(is_alive, members)), 10)
    drained(game, names)


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_member_that_is_paused_is_killed_and_nothing_is_lost(names, game, start, processes):
    flow = start("--processes", processes, **STALL)
    with load(game):
        until_true(lambda: flow.restores() == 1, 40)
        paused = flow.members[0]
        os.kill(paused, signal.SIGSTOP)
        until_true(lambda: flow.restores() == 2, 60)

        assert not is_alive(paused)
    assert flow.stop() == [0]
    drained(game, names)


@pytest.mark.parametrize("processes", ["1", "2"])
def test_new_partitions_restart_a_flow_at_once(names, game, start, processes):
    flow = start("--processes", processes, **SOON)
    until_true(lambda: flow.restores() == 1, 40)
    game.grow("scores", 11)
    until_true(lambda: flow.restores() == 2, 40)
    Game(game.settings).send(*some(1, 100))

    assert "ended with status 75, starts again in 0 s" in flow.said()
    assert flow.stop() == [0]
    drained(game, names)


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_flow_that_another_has_taken_over_from_does_not_start_again(game, start, processes):
    names = {"LEADERBOARD_GUARANTEE": "at_least_once"}
    older = start("--processes", processes, **names)
    until_true(lambda: older.restores() == 1, 40)
    younger = start(**names)
    game.send(*some(1, 100))

    assert older.wait(30) == [77]
    assert "starts again" not in older.said()
    assert younger.stop() == [0]


@pytest.mark.usefixtures("game")
def test_workers_of_a_process_say_once_that_they_share_a_lock(start):
    flow = start("--", "-w", "3")
    until_true(flow.restored, 40)

    assert flow.stop() == [0]
    assert flow.said().count("workers of a process share Python's lock") == 1


def test_a_bad_setting_ends_it_before_any_process_starts(start):
    flow = start(LEADERBOARD_FLOWS__STALL_SECONDS="never")

    assert flow.wait() == [1]
    assert flow.said().count("\n") == 1
    assert "flows.stall_seconds" in flow.said()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["scores"],
        ["top5", "--processes", "0"],
        ["top5", "--processes", "2", "--", "-i", "0"],
        ["top5", "--processes", "2", "--", "--addresses=a:1"],
    ],
)
def test_arguments_that_make_no_flow_are_refused(arguments, capsys):
    with pytest.raises(SystemExit) as raised:
        main(arguments)

    assert raised.value.code == 2
    assert "usage: python -m dataflows FLOW" in capsys.readouterr().err
