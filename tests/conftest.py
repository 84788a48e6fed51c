"""What the tests share: one real Kafka for the whole session, and names for each test alone."""

import contextlib
import itertools
import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from conf.settings import Settings
from local import jars
from local.kafka import running
from tests.support import quick_java
from tests.support.page_fixtures import (  # noqa: F401 - fixtures of the page
    chrome,
    new_context,
    open_page,
    open_with_clock,
    stage,
    theatre,
)
from tests.support.processes import Game, load_with, open_game

# Compaction within seconds, for the tests that wait for it; aborts of dead transactions too.
# This broker is never started again, so it may stall for long without losing its partitions: a
# machine whose disk stood still for eight seconds was seen.
QUICK = {
    "broker.session.timeout.ms": "60000",
    "log.cleaner.backoff.ms": "500",
    "log.retention.check.interval.ms": "1000",
    "log.initial.task.delay.ms": "500",
    "log.segment.delete.delay.ms": "1000",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
}

# Tests that start programs with brokers of their own, browsers, or many processes.
SLOW = (
    "bench/",
    "local/test_demo",
    "pipeline/test_chaos",
    "test_commands",
    "web/page/",
    "web/server/test_workers",
)
# A test module that uses one of these starts a broker of its own.
BROKERS = ("local.broker", "local.cluster", "local.hosts", "local.kafka", "bench")

# Its limits of time say how busy the machine is.
hypothesis_settings.register_profile(
    "ours", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("ours")

_numbers = itertools.count(1)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option `--long`."""
    text = "the long forms of tests: a minute of updates instead of ten seconds, and the like"
    parser.addoption("--long", action="store_true", help=text)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Prepare Kafka before any worker starts: what a worker prints is not seen."""
    options = session.config.option
    if options.numprocesses and "quick" not in options.markexpr:
        _prepare_kafka(session)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs neither Kafka nor a browser."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        place = item.path.relative_to(Path(__file__).parent).as_posix()
        module = item.getparent(pytest.Module)
        is_slow = place.startswith(SLOW) or (module and _uses_brokers(module.obj))
        if not fixtures & {"kafka", "chrome"} and not is_slow:
            item.add_marker("quick")


def _uses_brokers(module: ModuleType) -> bool:
    """Return whether a module has imported something that starts brokers."""
    homes = (
        each.__name__ if isinstance(each, ModuleType) else getattr(each, "__module__", "")
        for each in vars(module).values()
    )
    return any(isinstance(home, str) and home.startswith(BROKERS) for home in homes)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Prepare Kafka, if a test needs it: no test has to wait for that."""
    if any("kafka" in getattr(item, "fixturenames", ()) for item in session.items):
        _prepare_kafka(session)


def _prepare_kafka(session: pytest.Session) -> None:
    capture = session.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled(), _shown(jars.log):
        quick_java.use()


@contextlib.contextmanager
def _shown(log: logging.Logger) -> Iterator[None]:
    """Print what is logged, until the block ends."""
    handler = logging.StreamHandler()
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.setLevel(logging.NOTSET)
        log.removeHandler(handler)


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run a broker for the session on a free port; yields its address."""
    with running(tmp_path_factory.mktemp("kafka"), properties=QUICK) as address:
        yield address


@pytest.fixture
def names(kafka: str) -> Mapping[str, str]:
    """Return environment variables that name topics and a group for this test alone."""
    return names_of_its_own(kafka)


def names_of_its_own(kafka: str) -> Mapping[str, str]:
    """Return such variables, for tests that share them."""
    suffix = f"{os.getpid()}-{next(_numbers)}"
    return {
        "LEADERBOARD_BOOTSTRAP_SERVERS": kafka,
        "LEADERBOARD_GROUP": f"highscores-{suffix}",
        "LEADERBOARD_TOPICS__SCORES__NAME": f"scores-{suffix}",
        "LEADERBOARD_TOPICS__HIGH_SCORES__NAME": f"high-scores-{suffix}",
        "LEADERBOARD_TOPICS__TOP_5__NAME": f"top-5-{suffix}",
        "LEADERBOARD_TOPICS__REJECTED__NAME": f"scores-rejected-{suffix}",
    }


@pytest.fixture
def settings(names: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return the settings of these topics, none of which is there yet."""
    return load_with(names, monkeypatch)


@pytest.fixture
def game(names: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Game]:
    """Return these topics, which are there."""
    with contextlib.closing(open_game(names, monkeypatch)) as opened:
        yield opened
