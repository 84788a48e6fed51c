"""The wall clock is set back by an hour while both flows run: nothing stands still."""

import contextlib
import shutil
import subprocess

import pytest

from tests.support.processes import Flow
from tests.support.until import until_true

CLOCK = r"""
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
/* The wall clock of this process is behind by the seconds in the file STEP. */
int clock_gettime(clockid_t clock, struct timespec *now) {
    long step = 0;
    int status = syscall(SYS_clock_gettime, clock, now);
    FILE *file = clock == CLOCK_REALTIME ? fopen(STEP, "r") : NULL;
    if (file) {
        if (fscanf(file, "%ld", &step) == 1) now->tv_sec -= step;
        fclose(file);
    }
    return status;
}
"""


@pytest.fixture
def step(tmp_path):
    """Build the clock; return the file with its step, and the variable that loads it."""
    source, library, file = (tmp_path / name for name in ("clock.c", "clock.so", "step"))
    source.write_text(CLOCK)
    file.write_text("0")
    command = ["cc", "-shared", "-fPIC", f'-DSTEP="{file}"', "-o", str(library), str(source)]
    subprocess.run(command, check=True)
    return file, {"LD_PRELOAD": str(library)}


@pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler is here: no clock is set back")
def test_a_clock_that_is_set_back_by_an_hour_stops_neither_scores_nor_boards(names, game, step):
    file, preload = step
    with contextlib.ExitStack() as stack:
        flows = [Flow(name, {**names, **preload}) for name in ("highscores", "top5")]
        for flow in flows:
            stack.callback(flow.close)
        game.send(("ann", b"1"))
        until_true(lambda: b'"ann"' in newest(game), 30)
        file.write_text("3600")
        for number, user in enumerate(("bob", "cid"), 2):
            game.send((user, b"%d" % number))
            until_true(lambda: f'"{user}"'.encode() in newest(game), 20)  # noqa: B023
        until_true(lambda: "the clock was set back by 3600 s" in flows[0].said(), 10)
        statuses = [flow.stop() for flow in flows]

    assert statuses == [[0], [0]]


def newest(game):
    boards = game.read("top_5")
    return (boards[-1].value or b"") if boards else b""
