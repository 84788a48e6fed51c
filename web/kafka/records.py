"""What the web app writes to and reads from Kafka about a posted score; pure."""

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
