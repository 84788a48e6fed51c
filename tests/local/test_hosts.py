"""The hosts of `local.hosts`: nobody takes those that are in use."""

import os

import pytest

from local.claims import Taken
from local.hosts import SPACES, SWITCH, Unavailable, planned


def test_hosts_that_are_in_use_are_left_alone(tmp_path):
    prefix = f"test-{os.getpid()}"
    switch = SPACES / f"{prefix}-{SWITCH}"
    try:
        with planned(tmp_path / "first", prefix) as (hosts, *_):
            with (
                pytest.raises(Taken, match=f"{prefix}-1, ... belong to a program that runs"),
                planned(tmp_path / "second", prefix),
            ):
                pass

            assert switch.exists()
            hosts.cut("1")  # the link is still there
    except Unavailable as error:
        pytest.skip(str(error))

    assert not switch.exists()
