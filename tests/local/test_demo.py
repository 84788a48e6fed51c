"""The demo: it runs where the settings say, and its data are safe while it does."""

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile

import httpx
import pytest

from local import broker, demo
from local.claims import directory, ports
from tests import ROOT
from tests.support.ending import ending
from tests.support.until import until_true

LIVE = re.compile(r"the board is live at (http\S+)")


@pytest.fixture
def checkout(tmp_path):
    """Return a checkout of its own: the demo keeps its data in there."""
    for name in ("conf", "dataflows", "local", "web"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


@contextlib.contextmanager
def demonstrating(checkout, **settings):
    """Run the demo; give its process and what returns all that it has printed."""
    path = checkout / "demo.log"
    with path.open("wb") as log:
        process = subprocess.Popen(
            **called("local.demo", checkout, settings), stdout=log, stderr=log
        )
    with ending(process, 20, signal.SIGINT):
        yield process, path.read_text


def called(module, checkout, settings):
    variables = {f"LEADERBOARD_{name}": value for name, value in settings.items()}
    return {
        "args": [sys.executable, "-m", module],
        "cwd": checkout,
        "env": {**os.environ, **variables},
    }


def ended(module, checkout, **settings):
    """Run a program; give its status and what it has printed."""
    process = subprocess.run(
        **called(module, checkout, settings),
        stderr=subprocess.PIPE,
        text=True,
        timeout=30,
        check=False,
    )
    return process.returncode, process.stderr


def test_the_demo_runs_where_the_settings_say_and_its_data_are_safe_until_it_ends(
    checkout, monkeypatch
):
    """Neither a proxy nor a setting of the log hides from it that the page is live."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    (port,) = ports(0)
    settings = {
        "BOOTSTRAP_SERVERS": f"localhost:{port}",
        "WEB__PORT": "0",
        "LOG__FORMAT": "json",
        "LOG__LEVEL": "warning",
    }
    with demonstrating(checkout, **settings) as (process, printed):
        until_true(lambda: LIVE.search(printed()) or process.poll() is not None, 90)
        (address,) = LIVE.findall(printed())

        assert httpx.get(f"{address}/ready", trust_env=False).status_code == 200
        assert ended("local.reset", checkout) == (
            1,
            "nothing is deleted: a Kafka uses .local/kafka, end it first\n",
        )
        assert f"127.0.0.1:{port} is taken" in ended("local.demo", checkout, **settings)[1]
        assert process.poll() is None

    assert process.returncode == 0
    assert (checkout / ".local" / "kafka").exists()
    assert ended("local.reset", checkout) == (0, "")
    assert not (checkout / ".local").exists()


def test_a_demo_whose_terminal_is_gone_ends_with_all_its_parts(checkout):
    (port,) = ports(0)
    settings = {"BOOTSTRAP_SERVERS": f"localhost:{port}", "WEB__PORT": "0"}
    call = called("local.demo", checkout, settings)
    reading, writing = os.pipe()
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(**call, stdout=writing, stderr=errors) as process,
    ):
        os.close(writing)
        try:
            assert b"ready after" in os.read(reading, 1_000)
            os.close(reading)
            status = process.wait(90)
        finally:
            process.kill()
        errors.seek(0)
        printed = errors.read()

    assert status == 1
    assert b"Traceback" not in printed
    until_true(lambda: ended("local.reset", checkout) == (0, ""), 20)


def test_no_data_are_deleted_while_the_brokers_of_hosts_use_theirs(checkout):
    data = checkout / ".local" / "hosts"
    data.mkdir(parents=True)
    with directory(data):
        assert ended("local.reset", checkout) == (
            1,
            "nothing is deleted: a Kafka uses .local/hosts, end it first\n",
        )

    assert data.exists()
    assert ended("local.reset", checkout) == (0, "")
    assert not data.exists()


SLOW_TO_END = """
import signal, time
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
print("ready")
signal.sigwait([signal.SIGTERM])
time.sleep(1)
"""


async def test_kafka_has_longer_to_end_than_its_broker_and_than_other_parts(monkeypatch):
    monkeypatch.setattr(demo, "STOP_SECONDS", 0.1)
    stopping, terminal = asyncio.Event(), demo.Terminal(verbose=False)
    monkeypatch.setattr(terminal, "print_line", lambda *_: stopping.set())
    command = [sys.executable, "-uc", SLOW_TO_END]
    kafka, web = (demo.supervisor(demo.Part(name, command), terminal) for name in ("kafka", "web"))

    assert await kafka.run(stopping) == 0
    stopping.clear()
    assert await web.run(stopping) == -signal.SIGKILL
    assert demo.KAFKA_STOP_SECONDS > broker.STOP_SECONDS


@pytest.mark.parametrize("program", ["local.demo", "local.kafka"])
@pytest.mark.parametrize("brokers", ["kafka.example.org:9092", "127.0.0.1:9092,127.0.0.1:9093"])
def test_no_local_kafka_stands_in_for_another(checkout, program, brokers):
    status, printed = ended(program, checkout, BOOTSTRAP_SERVERS=brokers)

    assert status == 1
    assert printed.startswith("setting bootstrap_servers: Kafka runs on 127.0.0.1 here")
    assert printed.count("\n") == 1
