"""The producer of scores recovers from whatever ends it, and says so meanwhile."""

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from conf.loading import load
from dataflows.kafka.topics import await_topics
from local.claims import ports
from local.cluster import started
from local.kafka import running
from tests.support.until import until, until_true
from web.app import create_app
from web.kafka.producer import ScoreProducer, Unacknowledged

JAAS = 'org.apache.kafka.common.security.plain.PlainLoginModule required user_web="secret";'
NONSENSE = {
    (ResourceType.GROUP, AclOperation.WRITE),
    (ResourceType.GROUP, AclOperation.DESCRIBE_CONFIGS),
}
SCORE = {"user": "ann", "score": 1}


class Rights:
    """A broker that knows two users: one may do everything, `web` what it is granted."""

    def __init__(self, tmp_path):
        plain, limited, controller = (f"127.0.0.1:{port}" for port in ports(0, 0, 0))
        self.address = plain
        self.limited = {
            "bootstrap_servers": limited,
            "kafka": {
                "security.protocol": "SASL_PLAINTEXT",
                "sasl.mechanism": "PLAIN",
                "sasl.username": "web",
                "sasl.password": "secret",
            },
        }
        properties = {
            "listeners": f"PLAINTEXT://{plain},LIMITED://{limited},CONTROLLER://{controller}",
            "advertised.listeners": f"PLAINTEXT://{plain},LIMITED://{limited}",
            "controller.quorum.voters": f"1@{controller}",
            "listener.security.protocol.map": (
                "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,LIMITED:SASL_PLAINTEXT"
            ),
            "sasl.enabled.mechanisms": "PLAIN",
            "listener.name.limited.plain.sasl.jaas.config": JAAS,
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
        }
        self.running = started(tmp_path / "kafka", int(plain.rpartition(":")[2]), properties)

    def grant(self, *operations):
        """Let `web` do this to every topic and group."""
        admin = AdminClient({"bootstrap.servers": self.address})
        granted = [
            AclBinding(
                kind,
                "*",
                ResourcePatternType.LITERAL,
                "User:web",
                "*",
                operation,
                AclPermissionType.ALLOW,
            )
            for operation in operations
            for kind in (ResourceType.TOPIC, ResourceType.GROUP)
            if (kind, operation) not in NONSENSE
        ]
        for each in admin.create_acls(granted).values():
            each.result(60)


async def test_a_right_that_is_granted_later_is_enough_and_ready_says_what_is_missing(tmp_path):
    rights = Rights(tmp_path)
    with rights.running:
        await_topics(load().model_copy(update={"bootstrap_servers": rights.address}))
        rights.grant(AclOperation.READ, AclOperation.DESCRIBE_CONFIGS)
        app = create_app(load().model_copy(update=rights.limited))
        services = app.extensions["leaderboard"]
        async with app.test_app():
            client = app.test_client()
            await until(lambda: "the right Write" in services.producer.problem(), 30)
            refused = await client.post("/newScore", json=SCORE)
            not_ready = await (await client.get("/ready")).get_json()
            rights.grant(AclOperation.WRITE)
            await until(lambda: not services.problems(), 40)
            accepted = await client.post("/newScore", json=SCORE)
            metrics = await (await client.get("/metrics")).get_data(as_text=True)

    assert (refused.status_code, accepted.status_code) == (503, 202)
    missing = "the right Write on topic scores is missing"
    assert missing in (await refused.get_json())["error"]
    assert f"scores cannot be written to scores: {missing}" in not_ready["problems"]
    assert 'leaderboard_web_failures_total{of="producer of scores"}' in metrics


class Faulty:
    """A producer that can only raise."""

    def poll(self, _):
        msg = "a fault of this test"
        raise RuntimeError(msg)


def test_whatever_a_producer_or_the_next_one_raises_it_is_replaced_and_that_is_logged_and_counted(
    monkeypatch, caplog
):
    monkeypatch.setattr("web.kafka.producer.RETRY_SECONDS", 0)
    producer = ScoreProducer(load())
    good = Producer({"bootstrap.servers": "127.0.0.1:1", "log_level": "0"})
    waiting = [good, None, Faulty()]

    def make():
        if (found := waiting.pop()) is None:
            msg = "no thread is left"
            raise RuntimeError(msg)
        return found

    monkeypatch.setattr(producer, "_make", make)
    producer.start()
    until_true(lambda: producer._producer is good)  # noqa: SLF001
    problem = producer.problem()
    producer.stop()

    assert "no thread is left" in problem
    assert producer.errors == 2
    assert "a fault of this test" in caplog.text


async def test_why_scores_are_not_acknowledged_is_a_problem_and_logged_once_a_minute(
    monkeypatch, caplog
):
    monkeypatch.setattr("web.kafka.producer.ANSWER_SECONDS", 0.1)
    producer = ScoreProducer(load().model_copy(update={"bootstrap_servers": "127.0.0.1:1"}))
    producer._open()  # noqa: SLF001 - as its thread does
    for _ in range(3):
        with pytest.raises(Unacknowledged, match="no answer within"):
            await producer.produce(b"ann", b"1")

    assert "no answer within" in producer.problem()
    assert producer.errors == 3
    assert len(caplog.messages) == 1


@pytest.mark.parametrize("seconds", [0, 20])
def test_a_failure_is_a_problem_for_ten_seconds(monkeypatch, seconds):
    producer = ScoreProducer(load())
    producer._open()  # noqa: SLF001 - as its thread does
    producer._note(RuntimeError("x"))  # noqa: SLF001
    now = producer._failed + seconds  # noqa: SLF001
    monkeypatch.setattr("web.kafka.producer.time.monotonic", lambda: now)

    assert bool(producer.problem()) == (seconds == 0)


async def test_no_post_makes_a_broker_create_the_topic_and_once_it_is_there_posts_are_written(
    tmp_path,
):
    bearer = {"Authorization": "Bearer sesame"}
    with running(tmp_path / "kafka", properties={"auto.create.topics.enable": "true"}) as address:
        settings = load().model_copy(update={"bootstrap_servers": address})
        web = settings.web.model_copy(update={"token": "sesame"})
        app = create_app(settings.model_copy(update={"create_topics": False, "web": web}))
        services = app.extensions["leaderboard"]
        async with app.test_app():
            client = app.test_client()
            early = [
                await client.post("/newScore", json=SCORE, headers=bearer),
                await client.delete("/users/ann", headers=bearer),
            ]
            reasons = [(await each.get_json())["error"] for each in early]
            not_ready = await (await client.get("/ready")).get_json()
            found = AdminClient({"bootstrap.servers": address}).list_topics(timeout=10).topics
            await_topics(settings)
            await until(lambda: not services.problems(), 40)
            late = [
                await client.post("/newScore", json=SCORE, headers=bearer),
                await client.delete("/users/ann", headers=bearer),
            ]

    problem = "scores cannot be written to scores: the topic has not been found yet"
    assert [each.status_code for each in early] == [503, 503]
    assert all("again" in reason and problem in reason for reason in reasons)
    assert problem in not_ready["problems"]
    assert "scores" not in found
    assert [each.status_code for each in late] == [202, 202]
