"""The OpenAPI document: it is valid, complete, and describes what the app really sends."""

import asyncio
import json
import re
import tomllib

import pytest
from jsonschema import ValidationError
from openapi_spec_validator import OpenAPIV31SpecValidator

from conf.loading import load
from dataflows.leaderboard import Board, Row
from tests import ROOT
from tests.support.boards import shown
from tests.support.brokerless import brokerless
from tests.support.openapi import SPEC, check, check_response, response
from web.live.freshness import Status
from web.live.rate import EndOffsets
from web.live.recent import Removal, Score
from web.routes.operations import OPENAPI

HIDDEN = {"/static/<path:filename>"}  # parts of the page


@pytest.fixture
async def app():
    """Yield the app without a broker: a test puts in what it shows."""
    made = brokerless(load())
    async with made.test_app():
        yield made


def fill(feeds):
    rows = (Row(1, "ann", 2**63 - 1, 1_764_000_000_000), Row(2, "👩‍🚀", -(2**63), 1))
    feeds.put_scores([Score(5, 3, 1_042, "ann", -7), Score(6, 3, 1_043, "bob", 1)])
    feeds.remove_scores([Removal(3, 1_044, "bob")])
    feeds.put_ends(EndOffsets(1_000, {0: 1}))
    feeds.put_ends(EndOffsets(2_000, {0: 8}))
    feeds.put_boards([shown("AbC_-123:7", Board("all-time", 2, 7, rows))])
    feeds.put_status(Status(1_764_000_000_000, ("the broker is away",)))


async def events(app, path, count):
    text = ""
    async with app.test_client().request(path) as connection:
        await connection.send_complete()
        while text.count("data: ") < count:
            text += (await asyncio.wait_for(connection.receive(), 10)).decode()
        await connection.disconnect()
    blocks = [
        dict(line.split(": ", 1) for line in it.split("\n")) for it in text.split("\n\n")[:-1]
    ]
    return [block for block in blocks if "data" in block]


def test_the_document_is_valid_and_of_this_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    OpenAPIV31SpecValidator(SPEC).validate()
    assert SPEC["info"]["version"] == project["version"]
    assert SPEC["info"]["license"]["identifier"] == project["license"]


async def test_every_route_is_in_it_and_nothing_else(app):
    routes = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule not in HIDDEN
    }

    assert routes == {(path, each) for path, item in SPEC["paths"].items() for each in item}


def test_every_field_of_a_query_that_a_route_reads_is_in_it():
    sources = [path.read_text() for path in (ROOT / "web").rglob("*.py")]
    read = r'(?:args\.get\(|number\(|_choice\()"(\w+)"|"(\w+)" in request\.args'
    found = {"".join(names) for text in sources for names in re.findall(read, text)}

    assert found == {
        each["name"]
        for item in SPEC["paths"].values()
        for operation in item.values()
        for each in map(resolved, operation.get("parameters", ()))
        if each["in"] == "query"
    }


def resolved(parameter):
    name = parameter.get("$ref", "").rpartition("/")[2]
    return SPEC["components"]["parameters"][name] if name else parameter


async def test_the_app_serves_it_unchanged(app):
    answer = await app.test_client().get("/openapi.json")

    assert answer.mimetype == "application/json"
    assert await answer.get_data() == OPENAPI.read_bytes()


async def test_responses_are_as_described(app, monkeypatch):
    monkeypatch.setattr("web.kafka.producer.ANSWER_SECONDS", 0.2)
    client = app.test_client()
    for path in ("/top5", "/ready", "/health", "/", "/metrics", "/openapi.json"):
        await check_response(await client.get(path), path)
    fill(app.extensions["leaderboard"].feeds)
    await check_response(await client.get("/top5"), "/top5")
    posts = [{"user": "ann", "score": 1}, {"user": "ann"}, {"user": "ann", "score": "ten"}]
    for posted in posts:
        await check_response(await client.post("/newScore", json=posted), "/newScore", "post")


async def test_the_response_for_another_host_is_as_described(app):
    answer = await app.test_client().get("/top5", headers={"Host": "evil.example"})
    schema = SPEC["components"]["responses"]["Unfit"]["content"]["application/json"]["schema"]

    assert answer.status_code == 421
    assert response("/top5", "default") == {"$ref": "#/components/responses/Unfit"}
    check(schema, json.loads(await answer.get_data()))


@pytest.mark.parametrize(
    ("path", "count"), [("/highScores", 1), ("/events", 1), ("/live?user=ann", 9)], ids=str
)
async def test_events_are_as_described_and_each_kind_is_sent(app, path, count):
    fill(app.extensions["leaderboard"].feeds)
    app.extensions["leaderboard"].rankings.not_ready = ""
    described = response(path.partition("?")[0], 200)["content"]["text/event-stream"]["x-events"]
    sent = await events(app, path, count)

    assert {event.get("event", "message") for event in sent} == set(described)
    for event in sent:
        kind = described[event.get("event", "message")]
        check(kind["data"], json.loads(event["data"]))
        assert ("id" in event) == ("id" in kind)
        if "id" in event:
            check(kind["id"], event["id"])


async def test_a_refusal_is_a_status_as_described(app):
    app.extensions["leaderboard"].stream_limiter.acquire = lambda _: "server"
    (sent,) = await events(app, "/live", 1)
    described = response("/live", 200)["content"]["text/event-stream"]["x-events"]["status"]
    document = json.loads(sent["data"])

    check(described["data"], document)
    assert sent["event"] == "status"
    assert document["refused"] == "full"


@pytest.mark.parametrize("accepted", [{}, {"partition": 0, "offset": 7, "more": 1}])
def test_the_check_itself_refuses_what_is_not_described(accepted):
    schema = response("/newScore", 202, "post")["content"]["application/json"]["schema"]

    check(schema, {"partition": 0, "offset": 7, "outcome": "top"})
    with pytest.raises(ValidationError):
        check(schema, accepted)
