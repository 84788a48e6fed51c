"""The partitioner is that of Kafka's Java clients, for one key and for many at once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflows.kafka.partitioner import murmur2, partition_of, partitions_of


@pytest.mark.parametrize(
    ("key", "hashed"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_murmur2_is_that_of_kafkas_java_client(key, hashed):
    assert list(murmur2([key])) == [hashed % 2**32]
    assert partition_of(key, 8) == (hashed & 0x7FFFFFFF) % 8


@given(st.lists(st.binary(max_size=13)))
def test_many_keys_at_once_are_hashed_as_each_alone(keys):
    assert list(murmur2(keys)) == [state for key in keys for state in murmur2([key])]
    assert partitions_of(keys, 7) == [partition_of(key, 7) for key in keys]
