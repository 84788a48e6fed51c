"""Which of two boards is the newer, by their ids alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.near import near_text
from web.live import ids

offsets = st.integers(0, 2**63 - 1)


@given(offsets, offsets)
def test_of_one_topic_the_larger_offset_is_newer(one, other):
    assert ids.is_newer(ids.write("abc", one), ids.write("abc", other)) == (one > other)


@given(offsets, offsets)
def test_of_two_topics_none_is_newer(one, other):
    assert not ids.is_newer(ids.write("abc", one), ids.write("abd", other))


@pytest.mark.parametrize("bad", ["", ":", "abc", "abc:", "abc:-1", "abc:1e9", "abc:²", "abc:x"])
def test_a_bad_id_is_neither_newer_nor_older(bad):
    assert not ids.is_newer(bad, "abc:0")
    assert not ids.is_newer("abc:0", bad)


some_ids = st.text() | near_text(st.sampled_from([b"abc:12", b"abc:9"]))


@given(some_ids, some_ids)
def test_nothing_that_a_client_sends_breaks_it(one, other):
    assert not (ids.is_newer(one, other) and ids.is_newer(other, one))
