"""How long a client prefers to wait, with the examples of RFC 7240."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.near import near_text
from web.posting import prefer


@pytest.mark.parametrize(
    ("lines", "seconds"),
    [
        ([], 0),
        (["wait=2"], 2),
        (["respond-async, wait=10"], 10),
        (["respond-async", "WAIT = 5"], 5),
        (['return=minimal; foo="some parameter", wait="3"'], 3),
        (['foo="a, wait=9", wait=1; x=2'], 1),
        (["wait=1", "wait=2"], 1),
        (["wait"], 0),
        (["wait=soon"], 0),
        (["wait=-1"], 0),
        (["wait=1.5"], 0),
        (["wait=²"], 0),
        (["wait=" + "9" * 5_000], 0),
        (["waiting=2"], 0),
    ],
)
def test_the_first_wait_that_is_a_number_counts(lines, seconds):
    assert prefer.wait_seconds(lines) == seconds


PREFER = near_text(st.sampled_from([b'a; b="c, d", wait="10"', b"wait=2, respond-async"]))


@given(st.lists(st.text() | PREFER))
def test_nothing_that_a_client_sends_breaks_it(lines):
    assert prefer.wait_seconds(lines) >= 0
