"""A short run of chaos with each guarantee; `just chaos` runs longer ones."""

import re
import subprocess
import sys

import pytest

from tests import ROOT


@pytest.mark.timeout(240)
@pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once"])
def test_chaos_loses_nothing(guarantee):
    process = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.pipeline.chaos",
            "--minutes",
            "0.5",
            "--guarantee",
            guarantee,
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=230,
        check=False,
    )
    last = process.stdout.splitlines()[-1]

    assert process.returncode == 0, process.stdout[-8_000:] + process.stderr[-2_000:]
    assert re.fullmatch(r"LOST=0 WRONG=0 REGRESSED=0 seed=\d+", last)
