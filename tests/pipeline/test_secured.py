"""The pipeline on a secured Kafka, each part as a user with no right more than it needs."""

import contextlib
import os
import shlex
import shutil
import subprocess
import sys
from functools import partial

import httpx
import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from conf.loading import load
from dataflows.kafka.partitioner import partition_of
from local import rights
from local.claims import ports
from local.cluster import started
from local.security import SUPER_USER, Secured
from tests import ROOT
from tests.support import documented, kafka_tools, oracle
from tests.support.load import some
from tests.support.processes import Flow, Game, load_with, open_game
from tests.support.until import until_true
from tests.support.web_process import web

PREFIX = "LEADERBOARD_KAFKA__"


class Kafka:
    """A secured broker, and the environment of each user."""

    def __init__(self, broker, access):
        self.broker = broker
        self.access = access

    def environment(self, credentials, user):
        """Give the environment of a user; the password is in a file."""
        properties = getattr(self.access, credentials)(user)
        is_certified = credentials == "with_certificate"
        client = self.broker.client if is_certified else {"bootstrap.servers": self.broker.address}
        if not is_certified:
            properties["sasl.password_file"] = str(self.access.password_file(user))
        kafka = {PREFIX + name.upper().replace(".", "_"): it for name, it in properties.items()}
        return {"LEADERBOARD_BOOTSTRAP_SERVERS": client["bootstrap.servers"], **kafka}

    def certified(self, user):
        return self.environment("with_certificate", user)


@pytest.fixture(scope="module")
def secured(tmp_path_factory):
    data = tmp_path_factory.mktemp("jörg's Kafka")
    access = Secured(data)
    with started(data, 0, {}, access) as broker:
        access.set_up(broker.client, load(), broker.address)
        kafka = Kafka(broker, access)
        environment = {**os.environ, **kafka.environment("with_password", "topics")}
        command = [sys.executable, "-m", "dataflows.topics"]
        subprocess.run(command, env=environment, check=True)
        yield kafka


@contextlib.contextmanager
def parts(environment):
    """Run both flows and the web app, each as its user; yield the flows and the app's address."""
    with contextlib.ExitStack() as stack:
        flows = [Flow(name, environment(name)) for name in ("highscores", "top5")]
        for flow in flows:
            stack.callback(flow.close)
        yield *flows, stack.enter_context(web(environment("web")))


@pytest.fixture
def game(secured, monkeypatch):
    with contextlib.closing(Game(load_with(secured.certified(SUPER_USER), monkeypatch))) as game:
        yield game


def test_the_documents_list_the_rights_that_are_granted():
    document = (ROOT / "docs/security.md").read_text()
    expected = [
        f"| `{each.user}` | {each.kind} | `{each.name}` | {', '.join(each.operations)} |"
        for each in rights.rights(load())
    ]

    assert [line for line in document.splitlines() if line.startswith("| `")] == expected


@pytest.mark.parametrize("credentials", ["with_password", "with_certificate"])
def test_each_part_needs_no_right_more_than_the_documents_list(secured, game, credentials):
    score = str(2**60 + game.end("scores"))
    with parts(partial(secured.environment, credentials)) as (*flows, address):
        game.send(("ann", b"5"), ("bob", b"x"), *some(1, 200))
        game.drain()  # until both flows have begun
        posted = httpx.post(
            f"{address}/newScore",
            json={"user": "ann", "score": score},
            headers={"Prefer": "wait=2"},
            timeout=30,
        )
        game.drain()
        leading = httpx.get(f"{address}/top5").json()["rows"][0]
        stops = [flow.stop() for flow in flows]

    assert posted.json()["outcome"] == "top"
    assert (leading["user"], leading["score"]) == ("ann", score)
    assert stops == [[0], [0]]
    oracle.check(game.read)


@pytest.mark.parametrize(
    "command",
    [
        "positions --forget",
        "correct show ann",
        "correct remove bob --reason test",
        "rekey",
        "rebuild --yes",
    ],
)
def test_each_command_needs_no_right_more_than_the_documents_list(secured, game, command):
    game.send(("ann", b"5"), ("bob", b"6"))
    name, *arguments = command.split()
    done = subprocess.run(
        [sys.executable, "-m", f"dataflows.{name}", *arguments],
        env={**os.environ, **secured.environment("with_password", name)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert done.returncode == 0, done.stderr


def test_a_score_is_voided_with_no_right_more_than_the_documents_list(secured, game):
    game.send(("zoe", b"5"), ("zoe", b"7"))
    place = "{}@{}".format(*scores_of(game, b"zoe")[-1])
    command = [sys.executable, "-m", "dataflows.correct", "void", "zoe", place, "--reason", "test"]
    environment = {**os.environ, **secured.environment("with_password", "correct")}
    subprocess.run(command, env=environment, timeout=100, check=True)

    assert scores_of(game, b"zoe")[-1].value == b"5"


@pytest.mark.parametrize(
    ("command", "kind", "name"),
    [
        ("remove", "topic", "scores"),
        ("void", "topic", "scores"),
        ("void", "transactional id", "leaderboard-correct-highscores"),
    ],
)
def test_a_correction_without_a_right_changes_nothing_and_names_the_right(
    secured, game, command, kind, name
):
    game.send(("eve", b"5"))
    before = scores_of(game, b"eve")
    places = ["{}@{}".format(*before[-1])] if command == "void" else []
    revoke(secured, kind, name, "Write", user="correct")
    done = subprocess.run(
        [sys.executable, "-m", "dataflows.correct", command, "eve", *places, "--reason", "test"],
        env={**os.environ, **secured.environment("with_password", "correct")},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    rights.grant(secured.broker.client, rights.rights(load()))

    assert done.returncode == 1
    assert f"the right Write on {kind} {name}" in done.stderr
    assert scores_of(game, b"eve") == before


def scores_of(game, user):
    return [each for each in game.read("scores") if each.key == user]


def test_a_wrong_password_says_so(secured):
    wrong = {"LEADERBOARD_KAFKA__SASL_PASSWORD_FILE": str(secured.access.password_file("top5"))}
    with contextlib.closing(
        Flow("top5", {**secured.environment("with_password", "web"), **wrong})
    ) as flow:
        until_true(lambda: "it refuses the user 'web' or the password" in flow.said(), 30)
        said = flow.said()

    assert secured.access.password_file("top5").read_text() not in said


@pytest.mark.parametrize(
    ("name", "revoked", "asked"),
    [("top-5", "DescribeConfigs", "DescribeConfigs"), ("high-scores", "Read", "Describe")],
)
def test_a_right_that_is_missing_at_the_start_is_named_and_enough_once_it_is_granted(
    secured, name, revoked, asked
):
    revoke(secured, "topic", name, revoked)
    with contextlib.closing(Flow("top5", secured.environment("with_password", "top5"))) as flow:
        until_true(lambda: f"waiting for the right {asked} on topic {name}" in flow.said(), 40)
        rights.grant(secured.broker.client, rights.rights(load()))
        until_true(lambda: "caught up" in flow.said(), 40)


@pytest.mark.parametrize(("kind", "name"), [("group", "highscores"), ("topic", "scores")])
def test_the_rights_without_which_no_board_becomes_final_are_named(
    secured, monkeypatch, kind, name
):
    (port,) = ports(0)
    boards = {"LEADERBOARD_BOARDS": '["all-time", "day"]'}
    status = {"LEADERBOARD_FLOWS__METRICS_PORT": str(port)}
    with contextlib.closing(open_game(secured.certified(SUPER_USER) | boards, monkeypatch)) as game:
        best = "2026-11-25/ann", b"5"
        game.send(best, to="high_scores_day", partition=partition_of(b"ann", 8))
    rights.grant(secured.broker.client, rights.rights(load()))
    environment = secured.environment("with_password", "top5") | boards | status
    with contextlib.closing(Flow("top5", environment)) as flow:
        until_true(lambda: "caught up" in flow.said() and ready(port).is_success, 60)
        revoke(secured, kind, name, "Describe")
        until_true(lambda: not ready(port).is_success, 60)
        (problem,) = ready(port).json()["problems"]
        rights.grant(secured.broker.client, rights.rights(load()))
        until_true(lambda: ready(port).is_success, 60)
        said = flow.said()

    assert "top5 needs the right Describe on group highscores and on topic scores" in problem
    assert f"WARNING dataflows.top5.closed: {problem}" in said


def ready(port):
    try:
        return httpx.get(f"http://127.0.0.1:{port}/ready", timeout=10)
    except httpx.TransportError:
        return httpx.Response(503)


def test_the_documented_command_grants_a_right(secured, tmp_path):
    for name in ("ca.pem", "broker.pem"):  # Java would not read the path of the folder
        shutil.copy(secured.access.folder / name, tmp_path)
    (tmp_path / "admin.properties").write_text(
        "security.protocol=SSL\nssl.truststore.type=PEM\nssl.keystore.type=PEM\n"
        "ssl.truststore.location=ca.pem\nssl.keystore.location=broker.pem\n"
    )
    command = documented.line("docs/security.md", "kafka-acls.sh")
    command = command.replace("localhost:9092", secured.broker.client["bootstrap.servers"])
    granted = subprocess.run(
        shlex.split(command.replace("User:web", "User:ann")),
        cwd=tmp_path,
        env=kafka_tools.environment(),
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert "principal=User:ann" in granted.stdout
    assert "operation=DESCRIBE_CONFIGS" in granted.stdout


@pytest.mark.parametrize(
    ("kind", "name"), [("topic", "top-5"), ("transactional id", "leaderboard-top-5")]
)
def test_a_flow_that_may_not_write_ends_and_names_the_right(secured, game, kind, name):
    game.send((f"user{game.end('scores')}", b"%d" % (2**60 + game.end("scores"))))  # a new board
    with contextlib.closing(Flow("highscores", secured.environment("with_password", "highscores"))):
        until_true(lambda: game.lag() == 0, 40)
    revoke(secured, kind, name, "Write")
    with contextlib.closing(Flow("top5", secured.environment("with_password", "top5"))) as flow:
        statuses, said = flow.wait(40), flow.said()
    rights.grant(secured.broker.client, rights.rights(load()))

    assert statuses == [1]
    assert f"the right Write on {kind} {name}" in said


def revoke(secured, kind, name, operation, user="top5"):
    """Take a right from a user."""
    revoked = AclBindingFilter(
        ResourceType[kind.replace(" ", "_").upper()],
        name,
        ResourcePatternType.LITERAL,
        f"User:{user}",
        "*",
        AclOperation[{"DescribeConfigs": "DESCRIBE_CONFIGS"}.get(operation, operation.upper())],
        AclPermissionType.ANY,
    )
    admin = AdminClient(secured.broker.client)
    (deleted,) = admin.delete_acls([revoked]).values()

    assert len(deleted.result(60)) == 1
