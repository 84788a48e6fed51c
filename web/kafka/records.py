"""What the web app writes to and reads from Kafka about a posted score; pure."""

from collections.abc import Mapping
from typing import NamedTuple


class Receipt(NamedTuple):
    """Where a score is on `scores`."""

    partition: int
    offset: int


class Best(NamedTuple):
    """A message of `high-scores`: a new best score, and where it is on `scores`."""

    user: bytes
    receipt: Receipt
    score: int
    time: int  # milliseconds since the epoch


class Posted(NamedTuple):
    """A score whose outcome is awaited; the receipt is None until it is acknowledged."""

    user: bytes
    receipt: Receipt | None


class News(NamedTuple):
    """What is newly known of such scores.

    `counted` maps those that the flow has counted to a partition of `high-scores` and its end then.
    `next_offsets` says how far each partition is read; one of which nothing is read may be missing.
    """

    bests: tuple[Best, ...]
    counted: Mapping[Receipt, tuple[int, int]]
    next_offsets: Mapping[int, int]


BESTS_MAX = 10_000  # that wait for the event loop


def merge_news(waiting: News, newest: News) -> News:
    """Return both as one, where the first still waits."""
    bests = (*waiting.bests, *newest.bests)[-BESTS_MAX:]
    return News(bests, {**newest.counted, **waiting.counted}, newest.next_offsets)
