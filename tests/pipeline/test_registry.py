"""Scores of a Schema Registry, a stand-in, through the whole pipeline with a real Kafka."""

import contextlib
import re
import subprocess
import sys
import uuid

import httpx
import pytest

from dataflows.wire import AGAIN, SCHEMA
from local.claims import ports
from tests import ROOT
from tests.support import oracle, records
from tests.support.processes import Flow, open_game, running
from tests.support.stand_in_registry import stand_in_registry
from tests.support.until import until_true
from tests.support.web_process import web

PLAYED = records.avro_record(game="string", score="long")


@pytest.fixture
def registry():
    with stand_in_registry() as registry:
        yield registry


@pytest.fixture
def given(names, registry):
    return {
        **names,
        "LEADERBOARD_TOPICS__SCORES__FORMAT": "avro",
        "LEADERBOARD_SCHEMA_REGISTRY__URL": registry.url,
    }


@pytest.fixture
def game(given, monkeypatch):
    with contextlib.closing(open_game(given, monkeypatch)) as game:
        yield game


def bests(game):
    found = oracle.standings(game.read("high_scores"))
    return {user.decode(): score for user, (score, _) in found.items()}


def test_scores_in_avro_are_counted_and_wait_for_the_registry_only_if_they_must(
    given, game, registry
):
    value = records.avro(registry.url, PLAYED, {"game": "chess", "score": 7})
    words = records.avro(registry.url, records.avro_record(score="string"), {"score": "many"})
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.closing(Flow("top5", given)))
        flow = stack.enter_context(contextlib.closing(Flow("highscores", given)))
        game.send(("ann", value), ("bob", words), ("bob", b"7"))
        game.drain()
        registry.stop()
        game.send(("cy", value))
        game.drain()
        with_known_schemas = bests(game)
        registry.answer("POST", "/subjects/other/versions", registry.schemas[0])
        game.send(("dan", value.replace(b"\0\0\0\1", b"\0\0\0\3", 1)))
        until_true(lambda: "asking again in 0.8 s" in flow.said(), 20)
        stopped = flow.stop()
        port = str(ports(0)[0])
        again = Flow("highscores", {**given, "LEADERBOARD_FLOWS__METRICS_PORT": port})
        stack.enter_context(contextlib.closing(again))
        until_true(lambda: "asking again" in again.said(), 40)
        ready, waiting = httpx.get(f"http://127.0.0.1:{port}/ready"), game.lag()
        registry.start()
        game.drain()
    rejected = [seen.headers["reason"].decode() for seen in game.read("rejected")]

    assert (ready.status_code, registry.url in ready.text) == (503, True)
    assert (with_known_schemas, stopped, waiting) == ({"ann": 7, "cy": 7}, [0], 1)
    assert bests(game) == {"ann": 7, "cy": 7, "dan": 7}
    assert sorted(rejected) == [
        "no schema id",
        "not an integer or a record with an integer score",
    ]


def test_the_producer_of_the_documents_is_counted(given, game, registry):
    (program,) = re.findall(
        r"```python\n(.*?)```", (ROOT / "docs/formats.md").read_text(), re.DOTALL
    )
    for name, own in {
        "http://localhost:8081": registry.url,
        "localhost:9092": game.settings.bootstrap_servers,
        'produce("scores"': f'produce("{game.name("scores")}"',
    }.items():
        assert name in program
        program = program.replace(name, own)
    with running(given):
        subprocess.run([sys.executable, "-c", program], timeout=60, check=True)
        game.drain()

    assert bests(game) == {"ann": 120}


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def test_the_page_shows_the_scores_and_accepts_none(given, game, registry):
    game.send(("ann", records.avro(registry.url, PLAYED, {"game": "chess", "score": 7})))
    with web(given) as address:
        until_true(lambda: ">ann<" in httpx.get(address).text, 30)
        page = httpx.get(address).text
        refused = httpx.post(f"{address}/newScore", json={"user": "ann", "score": 8})

    assert 'id="form"' not in page
    assert (refused.status_code, refused.json()["field"]) == (403, "body")
    assert "Schema Registry" in refused.json()["error"]


def test_the_players_end_with_the_setting_that_they_cannot_follow(game):
    done = run("local.players")

    assert game
    assert done.returncode == 1
    assert done.stderr.endswith("setting topics.scores.format: players write no avro\n")


def test_a_correction_writes_the_same_bytes_once_more_with_the_schema_of_its_header(game, registry):
    bot, honest = (
        records.avro(registry.url, PLAYED, {"game": "chess", "score": score}) for score in (9, 7)
    )
    schema = b"\1" + uuid.UUID(registry.schemas[0]["guid"]).bytes
    game.send(("ann", honest[5:]), headers={SCHEMA: schema})
    game.send(("ann", bot))
    first, second = game.read("scores")
    done = run(
        "dataflows.correct", "void", "ann", f"{second.partition}@{second.offset}", "--reason", "bot"
    )
    last = game.read("scores")[-1]

    assert done.returncode == 0, done.stderr
    assert (last.value, last.time) == (honest[5:], first.time)
    assert last.headers == {AGAIN: f"{first.partition}@{first.offset}".encode(), SCHEMA: schema}
