"""Commands of the documents, read from them, do what the text says.

Those of docs/streams.md are in web/test_clients.py, those of several hosts in
pipeline/test_hosts.py, those of producers in pipeline/test_producers.py.
"""

import contextlib
import json
import re
import shlex
import shutil
import subprocess
import sys

import httpx
import pytest

import bench.__main__
from bench import fanout, report
from bench.parts import PARTS
from local.claims import ports
from tests import ROOT
from tests.support import documented, kafka_tools, processes
from tests.support.ending import ending
from tests.support.processes import open_game
from tests.support.until import until_true
from tests.support.web_process import is_ready, web

BENCHES = documented.lines("docs/performance.md", "just bench")


@contextlib.contextmanager
def program(command, more=()):
    """Run a command of the documents for the length of the block, with more variables."""
    environment, words = documented.parse(command)
    with ending(subprocess.Popen(words, cwd=ROOT, env=environment | dict(more)), 30) as process:
        yield process


@pytest.mark.parametrize("command", BENCHES)
def test_the_commands_of_the_benchmark_name_plans_and_parts(command, tmp_path, monkeypatch):
    measured = []
    monkeypatch.setattr(bench.__main__, "measure", lambda *given: measured.append(given[1:]))
    monkeypatch.setattr(report, "write", lambda *_: tmp_path / "report.md")
    (tmp_path / "report.md").touch()
    words = shlex.split(command.partition("just bench")[2])
    monkeypatch.setattr(sys, "argv", ["bench", *words])

    assert bench.__main__.main() == 0
    (plan, parts) = measured[0]
    assert plan == (words[0] if words else "full")
    assert parts == (words[1:] or list(PARTS))


def test_the_command_of_the_fan_out_measures_and_prints(kafka, monkeypatch, capsys):
    usage = documented.found("docs/performance.md", r"`uv run python -m bench\.fanout (.+?)`")
    values = {"CLIENTS": "5", "UPDATES_PER_SECOND": "5", "SECONDS": "5", "N": "2"}
    words = [values.get(word, word) for word in re.sub(r"[\[\]]", "", usage).split()]
    monkeypatch.setattr(sys, "argv", ["bench.fanout", *words])
    monkeypatch.setattr(fanout, "running", lambda _: contextlib.nullcontext(kafka))
    monkeypatch.setenv("LEADERBOARD_BOOTSTRAP_SERVERS", kafka)
    fanout.main()

    assert json.loads(capsys.readouterr().out)["clients"] == 5


def test_two_flows_serve_their_metrics_on_the_documented_ports(names):
    commands = documented.lines("docs/metrics.md", "METRICS_PORT=")
    found = ports(0, 0)
    with contextlib.ExitStack() as stack:
        for command, port in zip(commands, found, strict=True):
            own = re.sub(r"(?<=PORT=)\d+", str(port), command)
            stack.enter_context(program(own, names))
        until_true(lambda: all(is_ready(f"http://127.0.0.1:{port}") for port in found), 60)
        texts = [httpx.get(f"http://127.0.0.1:{port}/metrics").text for port in found]

    assert ['flow="highscores"' in texts[0], 'flow="top5"' in texts[1]] == [True, True]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_documented_rank_of_a_user_has_the_documented_form(names, monkeypatch):
    example = documented.found("docs/ranks.md", r"```json\n(.+?)\n```")
    command = documented.line("docs/ranks.md", "curl")
    names = {**names, "LEADERBOARD_BOARDS": '["all-time", "day"]'}
    with (
        contextlib.closing(open_game(names, monkeypatch)) as game,
        processes.running(names),
        web(names) as address,
    ):
        game.send(("bob", b"125"), ("ann", b"120"), ("cy", b"119"))
        ours = shlex.split(command.replace("http://127.0.0.1:8000", address))
        until_true(lambda: len(answer(ours).get("around", ())) == 3, 30)
        found, expected = answer(ours), json.loads(example)

    assert list(found) == list(expected)
    assert [list(row) for row in found["around"]] == [list(row) for row in expected["around"]]
    assert [row["user"] for row in found["around"]] == ["bob", "ann", "cy"]
    assert list(found["next"]) == list(expected["next"])


def answer(command):
    return json.loads(subprocess.check_output(command, timeout=90) or b"{}")


def test_the_command_that_an_error_names_makes_the_topic_right(names, game):
    tools = kafka_tools.environment()
    wrong = f"--alter --entity-type topics --entity-name {game.name('top_5')}"
    broken = f"kafka-configs.sh --bootstrap-server {names['LEADERBOARD_BOOTSTRAP_SERVERS']} {wrong}"
    run(f"{broken} --add-config cleanup.policy=delete", tools)
    topics = [sys.executable, "-m", "dataflows.topics"]
    refused = subprocess.run(topics, cwd=ROOT, capture_output=True, text=True, check=False)
    run(refused.stderr[refused.stderr.index("kafka-configs.sh") :], tools)

    assert refused.returncode == 1
    assert subprocess.run(topics, cwd=ROOT, check=False).returncode == 0


def run(command, environment):
    subprocess.run(
        shlex.split(command), env=environment, check=True, timeout=60, stdout=subprocess.DEVNULL
    )


@pytest.mark.timeout(240)
def test_the_commands_of_a_secured_kafka_run_all_parts(tmp_path):
    (port, web_port) = ports(0, 0)
    kafka = documented.line("docs/security.md", "local.kafka --secure")
    commands = documented.lines("docs/security.md", "LEADERBOARD_SETTINGS=.local/kafka/users")
    more = {"LEADERBOARD_WEB__PORT": str(web_port)}
    with contextlib.ExitStack() as stack:
        own = {"LEADERBOARD_BOOTSTRAP_SERVERS": f"127.0.0.1:{port}"}
        stack.enter_context(program(f"{kafka} --data {tmp_path}", own))
        until_true((tmp_path / "users/players.toml").exists, 120)
        for command in commands:
            ours = command.replace(".local/kafka", str(tmp_path))
            stack.enter_context(program(ours, more))
        until_true(lambda: len(users(web_port)) == 5, 90)

    assert len(commands) == 5


def test_the_commands_beside_the_live_board_count_all_scores_again(game, names):
    export, *flows, page, positions = documented.lines("docs/upgrading.md", "")[:5]
    added = dict(word.split("=") for word in shlex.split(export)[1:])
    port = str(ports(0)[0])
    more = names | {name: f"{value}-{port}" for name, value in added.items()}
    game.send(("ann", b"120"), ("bob", b"90"))
    with contextlib.ExitStack() as stack:
        for command in (*flows, page):
            stack.enter_context(program(command, more | {"LEADERBOARD_WEB__PORT": port}))
        until_true(lambda: users(port) == ["ann", "bob"], 60)
        environment, words = documented.parse(positions)
        until_true(lambda: is_counted(words, environment | more), 30)

    assert game.read("high_scores") == []


def is_counted(words, environment):
    lags = re.findall(
        r"lag (\d+)", subprocess.check_output(words, cwd=ROOT, env=environment, text=True)
    )
    return bool(lags) and set(lags) == {"0"}


def users(port):
    with contextlib.suppress(httpx.TransportError, ValueError):
        board = httpx.get(f"http://127.0.0.1:{port}/top5").json()
        return [row["user"] for row in board.get("rows", ())]
    return []
