"""The right bests of each period, from the times in `scores`; shares no code with the flows.

The scores of a game are in the order of time, so none comes after its period has closed.
"""

from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from functools import cache

from bench.game import DAY_MS
from bench.loops import decoder
from bench.topics import Reader
from conf.settings import Settings

NAMES = {"high_scores_day": "%Y-%m-%d", "high_scores_week": "%G-W%V"}


@cache
def key_prefix(kind: str, day: int) -> bytes:
    """Return how the keys of a day, counted from 1970 in UTC, begin in a table of this kind."""
    return f"{datetime.fromtimestamp(day * DAY_MS / 1000, UTC):{NAMES[kind]}}/".encode()


def bests(settings: Settings) -> Mapping[str, Mapping[bytes, int]]:
    """Read `scores` to its end; return the best of each key in the tables of days and weeks."""
    found: dict[str, dict[bytes, int]] = {kind: {} for kind in NAMES}
    scores = settings.topics.scores
    decode = decoder(scores.format)
    with closing(Reader(settings, scores.name)) as reader:
        for message in reader.read():
            user, score = message.key() or b"", decode(message.value() or b"")
            day = message.timestamp()[1] // DAY_MS
            for kind, best in found.items():
                key = key_prefix(kind, day) + user
                if score > best.get(key, -1):
                    best[key] = score
    return found
