"""The broker of a benchmark, with fresh topics and a fresh group for each measurement."""

import itertools
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from conf.loading import load
from conf.settings import Settings
from dataflows.kafka.topics import await_topics


class Broker:
    """One broker; creates topics on it, and names directories for the state of candidates."""

    def __init__(self, address: str, data: Path) -> None:
        self._address = address
        self._data = data
        self._names = map("{}-{}".format, itertools.repeat(uuid.uuid4().hex[:6]), itertools.count())

    @contextmanager
    def fresh_topics(
        self, scores: str = "", **more: str
    ) -> Iterator[tuple[Settings, Mapping[str, str]]]:
        """Yield settings, and the environment variables that define them.

        All topics are new, except `scores` if it is named.
        """
        name = next(self._names)
        environment = {
            "LEADERBOARD_BOOTSTRAP_SERVERS": self._address,
            "LEADERBOARD_GROUP": f"bench-{name}",
            "LEADERBOARD_TOPICS__SCORES__NAME": scores or f"scores-{name}",
            "LEADERBOARD_TOPICS__HIGH_SCORES__NAME": f"high-scores-{name}",
            "LEADERBOARD_TOPICS__TOP_5__NAME": f"top-5-{name}",
            "LEADERBOARD_TOPICS__REJECTED__NAME": f"scores-rejected-{name}",
            "BENCH_STATE": str(self._data / f"state-{name}"),
            **more,
        }
        with pytest.MonkeyPatch.context() as patch:
            for variable, value in environment.items():
                patch.setenv(variable, value)
            settings = load()
            await_topics(settings)
            yield settings, environment
