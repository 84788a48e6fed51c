"""Which partition a key belongs to, as Kafka's Java clients choose it; pure."""

import struct
from collections.abc import Callable, Iterable


def partition_of(key: bytes, partitions: int) -> int:
    """Give the partition that Kafka's Java clients choose for a key."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def murmur2(key: bytes) -> int:
    """Hash a key, 32 bits unsigned, as Kafka does.

    Source: org.apache.kafka.common.utils.Utils#murmur2, after Austin Appleby's MurmurHash2.
    """
    length = len(key)
    state = (0x9747B28C ^ length) & 0xFFFFFFFF
    whole = length & ~3
    for (word,) in _words(key[:whole]):
        mixed = (word * 0x5BD1E995) & 0xFFFFFFFF
        mixed = ((mixed ^ (mixed >> 24)) * 0x5BD1E995) & 0xFFFFFFFF
        state = ((state * 0x5BD1E995) & 0xFFFFFFFF) ^ mixed
    if length != whole:
        rest = int.from_bytes(key[whole:], "little")
        state = ((state ^ rest) * 0x5BD1E995) & 0xFFFFFFFF
    state = ((state ^ (state >> 13)) * 0x5BD1E995) & 0xFFFFFFFF
    return state ^ (state >> 15)


_words: Callable[[bytes], Iterable[tuple[int]]] = struct.Struct("<I").iter_unpack
