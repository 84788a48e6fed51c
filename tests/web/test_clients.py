"""SSE libraries of other authors run the examples of the documentation, and reconnect.

Libraries of other languages are installed from their registries, once, into the cache.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from conf.loading import load
from dataflows.kafka.topics import await_topics
from dataflows.leaderboard import Board, Row
from dataflows.wire import encode_board
from local.claims import ports
from tests import ROOT
from tests.conftest import names_of_its_own
from tests.support import boards
from tests.support.until import until_true
from tests.support.web_process import web

HERE = "http://127.0.0.1:8000"  # in the examples
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "live-high-scores"
INSTALL_SECONDS = 90


def examples(language):
    """Return the code blocks of a language in the documentation of the streams."""
    text = (ROOT / "docs" / "streams.md").read_text()
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def install(folder, *commands):
    """Run commands in a directory once; skip the test if they fail."""
    folder.mkdir(parents=True, exist_ok=True)
    done = folder / "installed"
    if done.exists() and done.read_text() == str(commands):
        return
    for command in commands:
        environment = {**os.environ, "GOTOOLCHAIN": "local"}
        ran = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=INSTALL_SECONDS,
        )
        if ran.returncode:
            pytest.skip(f"{' '.join(command)}: {ran.stderr.strip()[-300:]}")
    done.write_text(str(commands))


def tool(name):
    if not (found := shutil.which(name)):
        pytest.skip(f"{name} is not installed")
    return found


def curl(code, _place):
    return [tool("curl"), *code.split()[1:]]


def python(code, folder):
    (folder / "example.py").write_text(code)
    return [sys.executable, str(folder / "example.py")]


def node(code, folder):
    node, npm = tool("node"), tool("npm")
    packages = CACHE / "eventsource"
    install(packages, [npm, "install", "--no-audit", "--no-fund", "--silent", "eventsource@4"])
    (folder / "node_modules").symlink_to(packages / "node_modules")
    (folder / "example.mjs").write_text(code)
    return [node, str(folder / "example.mjs")]


def go(code, folder):
    go = tool("go")
    module = CACHE / "go-sse"
    get = [go, "get", "github.com/tmaxmax/go-sse@v0.12.0"]
    install(
        module, *([] if (module / "go.mod").exists() else [[go, "mod", "init", "example"]]), get
    )
    for name in ("go.mod", "go.sum"):
        shutil.copy(module / name, folder)
    (folder / "main.go").write_text(code)
    subprocess.run([go, "build", "-o", "example", "."], cwd=folder, check=True, timeout=90)
    return [str(folder / "example")]


LANGUAGES = {"sh": curl, "python": python, "js": node, "go": go}


class Program:
    """A client as a process, and what it has printed."""

    def __init__(self, command, folder):
        self._log = folder / "output"
        with self._log.open("wb") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)

    def output(self):
        return self._log.read_text()


@contextmanager
def running(language, address, folder):
    """Run the first example of a language against an address."""
    code = examples(language)[0].strip().replace(HERE, address)
    program = Program(LANGUAGES[language](code, folder), folder)
    try:
        yield program
    finally:
        program.process.kill()
        program.process.wait()
        print(program.output()[-2_000:])


class Server:
    """The app with a topic of boards that the tests write themselves."""

    def __init__(self, settings, address):
        self._settings = settings
        self._players = 0
        self.address = address

    def publish(self):
        """Write a board with one player more, and return the document."""
        self._players += 1
        rows = (Row(1, "👩‍🚀\u2028", 2**63 - 1, 5),)
        board = Board("all-time", self._players, 7, rows)
        boards.publish(self._settings, board)
        return encode_board(board).decode()


@pytest.fixture(scope="module")
def server(kafka):
    """Yield one app for all clients."""
    names = names_of_its_own(kafka)
    settings = settings_of(names)
    with web(names) as address:
        yield Server(settings, address)


def settings_of(names):
    """Return the settings of that environment, and create their topics."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in names.items():
            patch.setenv(name, value)
        settings = load()
    await_topics(settings)
    return settings


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_example_of_each_language_prints_the_board_and_each_change(language, server, tmp_path):
    first = server.publish()
    with running(language, server.address, tmp_path) as program:
        until_true(lambda: first in program.output(), 20)
        second = server.publish()
        until_true(lambda: second in program.output(), 20)

        assert program.output().count(first) == 1


def test_the_examples_of_polling_and_posting_work(server):
    lines = examples("sh")[1].strip().replace(HERE, server.address).split("\n")
    document = server.publish()
    until_true(lambda: document in httpx.get(f"{server.address}/top5").text)
    polled, posted = [
        subprocess.run(
            [tool("curl"), *shlex.split(line)[1:]], capture_output=True, text=True, check=True
        ).stdout
        for line in lines
    ]

    assert polled.startswith("HTTP/1.1 200")
    assert document in polled
    assert json.loads(posted)["outcome"] == "received"


def test_the_example_of_the_readme_is_the_tested_one():
    assert f"\n    {examples('sh')[0]}" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("language", ["js", "go"])
def test_a_library_reconnects_after_a_restart_and_resumes_where_it_was(language, kafka, tmp_path):
    names = {**names_of_its_own(kafka), "LEADERBOARD_WEB__PORT": str(ports(0)[0])}
    settings = settings_of(names)
    with ExitStack() as stack:
        with web(names) as address:
            server = Server(settings, address)
            first = server.publish()
            program = stack.enter_context(running(language, address, tmp_path))
            until_true(lambda: first in program.output(), 20)
        with web(names):
            until_true(lambda: open_streams(address) == 1, 20)
            second = server.publish()
            until_true(lambda: second in program.output(), 20)

    assert program.output().count(first) == 1


def open_streams(address):
    metrics = httpx.get(f"{address}/metrics").text
    return float(re.findall(r'leaderboard_web_streams{stream="live"} (\S+)', metrics)[0])
