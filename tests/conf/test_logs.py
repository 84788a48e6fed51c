"""The log: text or JSON by the settings, and no flood of lines from librdkafka."""

import json
import logging
import subprocess
import sys
from types import SimpleNamespace

import pytest

from conf import logs
from conf.loading import load
from conf.logs import BurstFilter
from conf.version import version
from tests import ROOT

PRINT = """
import logging
from conf.loading import start
print(start("web").kafka["client.id"])
logging.getLogger("a.b").debug("é %d", 1)
try:
    1 / 0
except ZeroDivisionError:
    logging.getLogger("a.b").exception("bad")
"""


@pytest.fixture
def clock(monkeypatch):
    """Return a clock that stands still until it is set."""
    clock = SimpleNamespace(now=1_000.0)
    monkeypatch.setattr(logs, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def shown(burst, text):
    record = logging.LogRecord("librdkafka", logging.ERROR, "", 0, "%s", (text,), None)
    return record.getMessage() if burst.filter(record) else None


def run(monkeypatch, *arguments, **log):
    for name, value in log.items():
        monkeypatch.setenv(f"LEADERBOARD_LOG__{name.upper()}", value)
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_of_a_kind_five_lines_pass_in_a_minute_and_the_next_says_how_many_did_not(clock):
    burst = BurstFilter()
    first = [shown(burst, f"FAIL [{number}]") for number in range(8)]
    other = shown(burst, "TERM [0]")
    clock.now += 61
    later = shown(burst, "FAIL [9]")

    assert first == [f"FAIL [{number}]" for number in range(5)] + [None] * 3
    assert other == "TERM [0]"
    assert later == "FAIL [9] (3 more before)"


def test_an_error_of_librdkafka_is_a_warning_and_what_ends_a_client_is_not(caplog):
    logs.set_up_logging("web", load().log)
    logs.LIBRDKAFKA.error("FAIL: a broker is away")
    logs.LIBRDKAFKA.critical("FATAL: fenced")

    assert [record.levelname for record in caplog.records] == ["WARNING", "CRITICAL"]


def test_a_log_of_json_has_an_object_in_each_line_with_the_part_that_wrote_it(monkeypatch):
    ended = run(monkeypatch, "-c", PRINT, level="debug", format="json")
    first, second = map(json.loads, ended.stderr.splitlines())

    assert ended.stdout == "leaderboard-web\n"
    assert first.pop("time").endswith("Z")
    assert first == {"level": "DEBUG", "part": "web", "logger": "a.b", "message": "é 1"}
    assert second["message"] == "bad"
    assert "ZeroDivisionError" in second["traceback"]


def test_below_the_level_nothing_is_logged(monkeypatch):
    ended = run(monkeypatch, "-c", PRINT)

    assert "é 1" not in ended.stderr
    assert " ERROR a.b: bad\n" in ended.stderr


@pytest.mark.parametrize(
    "module",
    ["dataflows", "dataflows.topics", "dataflows.positions", "web", "local.kafka", "local.players"],
)
def test_each_program_prints_its_version(monkeypatch, module):
    assert run(monkeypatch, "-m", module, "--version").stdout == f"{version()}\n"
