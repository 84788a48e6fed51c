"""A topic is deleted, or refuses a message: the flow ends, and is right again after a fix."""

import contextlib
import itertools
import re
import signal

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
)

from conf import clients
from dataflows.kafka import topics
from dataflows.kafka.topics import await_topics
from tests.support import oracle
from tests.support.load import some
from tests.support.processes import Flow, running
from tests.support.until import until_true

SOON = {  # what a minute's patience is for, in seconds
    "LEADERBOARD_KAFKA": '{"delivery.timeout.ms": 3000, "topic.metadata.refresh.interval.ms": 500,'
    ' "topic.metadata.propagation.max.ms": 1000}'
}

SMALL = {  # a segment ends before a message of another time, the last one is never compacted
    "segment.ms": "1",
    "min.cleanable.dirty.ratio": "0.001",
    "delete.retention.ms": "0",
}


@pytest.fixture
def admin(game):
    return AdminClient(clients.client(game.settings))


def delete(admin, *names):
    for future in admin.delete_topics(list(names)).values():
        future.result(60)
    until_true(lambda: not set(names) & set(admin.list_topics(timeout=5).topics))


def configure(admin, name, key, value):
    entry = ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ConfigResource.Type.TOPIC, name, incremental_configs=[entry])
    for future in admin.incremental_alter_configs([resource]).values():
        future.result(60)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("highscores", "scores"),
        ("highscores", "high_scores"),
        ("highscores", "rejected"),
        ("top5", "high_scores"),
        ("top5", "top_5"),
    ],
)
def test_a_topic_deleted_under_a_running_flow_ends_it_loudly(names, game, admin, name, kind):
    with contextlib.closing(Flow(name, {**names, **SOON})) as flow:
        game.send(*some(1, 300), ("ann", b"bad"))
        until_true(lambda: game.lag() == 0 or game.end("top_5"), 30)
        delete(admin, game.name(kind))
        statuses = flow.wait(30)
        said = flow.said()

    assert statuses == [1]
    assert f"{game.name(kind)} is gone: was it deleted?" in said


READERS = pytest.mark.parametrize(
    ("name", "kind"), [("highscores", "scores"), ("top5", "high_scores")]
)


@READERS
def test_a_topic_recreated_under_a_running_flow_asks_for_a_restart(names, game, admin, name, kind):
    game.send(*some(1, 300))
    with contextlib.closing(Flow(name, {**names, **SOON}, halt="looking 4 SIGSTOP")) as flow:
        flow.await_pause()
        recreate(game, admin, kind)
        flow.resume()
        statuses = flow.wait(30)
        said = flow.said()

    assert statuses == [75]
    assert f"{game.name(kind)} was recreated: start the flow again" in said


@READERS
def test_a_topic_recreated_at_any_moment_is_noticed(names, game, admin, name, kind):
    """A read may fail before the look at the topic: it cannot tell why its log is shorter."""
    with contextlib.closing(Flow(name, {**names, **SOON})) as flow:
        game.send(*some(1, 300))
        until_true(lambda: game.lag() == 0 or game.end("top_5"), 30)
        flow.send(signal.SIGSTOP)
        recreate(game, admin, kind)
        flow.resume()
        (status,) = flow.wait(30)
        said = flow.said()
    expected = {
        75: f"stopping: {game.name(kind)} was recreated: start the flow again",
        1: rf"CRITICAL .*: {game.name(kind)}\[\d\]: .*another one took its place",
    }

    assert re.search(expected[status], said)


def recreate(game, admin, kind):
    delete(admin, game.name(kind))
    await_topics(game.settings)


def test_a_recreated_table_is_filled_from_all_scores_again(names, game, admin):
    with running(names):
        game.send(*some(1, 300))
        game.drain()
    delete(admin, game.name("high_scores"), game.name("top_5"))
    await_topics(game.settings)
    with running(names) as (highscores, _):
        game.send(*some(2, 300))
        game.drain()
        said = highscores.said()

    assert f"{game.name('high_scores')} was recreated" in said
    oracle.check(game.read)


def test_a_best_that_cannot_be_read_ends_both_flows_until_the_table_is_recreated(
    names, game, admin
):
    game.send(*some(1, 100))
    with contextlib.closing(Flow("highscores", names)):
        until_true(lambda: game.lag() == 0, 30)
    game.send(("intruder", b"twelve"), to="high_scores")
    with running(names) as flows:
        statuses = [flow.wait(30) for flow in flows]
        said = [flow.said() for flow in flows]
    delete(admin, game.name("high_scores"))
    with running(names):
        until_true(lambda: game.end("high_scores"), 30)  # positions of before still show no lag
        game.drain()

    assert statuses == [[1], [1]]
    for each in said:
        assert f"CRITICAL dataflows.process: {game.name('high_scores')}[" in each
        assert "the best of b'intruder' is not an integer" in each
        assert each.count("CRITICAL") == 1
        assert "Traceback" not in each
    oracle.check(game.read)


def test_a_bad_message_that_does_not_fit_is_cut_and_says_so(names, game, admin):
    configure(admin, game.name("rejected"), "max.message.bytes", "20000")
    game.send(("ann", b"x" * 50_000), ("bob", b"y" * 500), ("k" * 20_000, b"5"))
    small = {"LEADERBOARD_KAFKA__BATCH_SIZE": "8000"}
    with contextlib.closing(Flow("highscores", {**names, **small})):
        until_true(lambda: game.lag() == 0, 30)
    found = {(seen.key or b"")[:3]: seen for seen in game.read("rejected")}
    value, short, key = (found[user] for user in (b"ann", b"bob", b"kkk"))

    assert (short.value, "cut" in short.headers) == (b"y" * 500, False)
    assert value.headers["cut"] == b"key of 3 and value of 50000 bytes"
    assert key.headers["cut"] == b"key of 20000 and value of 1 bytes"
    assert value.value == b"x" * len(value.value or b"")
    assert 1_000 < len(value.value or b"") < 20_000
    assert 1_000 < len(key.key or b"") < 20_000


@pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once"])
@pytest.mark.parametrize(
    "refusal",
    [
        ("x" * 1_000, "max.message.bytes", "300", "1048588"),
        ("ann", "message.timestamp.before.max.ms", "3600000", str(2**63 - 1)),
    ],
    ids=["too large", "out of range"],
)
def test_a_message_that_a_topic_refuses_ends_the_flow_until_the_topic_is_fixed(
    names, game, admin, guarantee, refusal
):
    """The start would refuse such a topic: it is configured so while the flow runs."""
    given = {**names, **SOON, "LEADERBOARD_GUARANTEE": guarantee}
    user, limit, refusing, fixed = refusal
    with contextlib.closing(Flow("highscores", given)) as flow:
        until_true(lambda: flow.restored() == 8, 30)
        configure(admin, game.name("high_scores"), limit, refusing)
        game.send(*some(1, 100))
        game.send((user, b"5"), timestamp=1_000)
        game.send(*some(2, 100))
        statuses = flow.wait(30)
        said = flow.said()
    configure(admin, game.name("high_scores"), limit, fixed)
    with running(given):
        game.drain()

    assert statuses == [1]
    assert "not delivered" in said
    assert game.name("high_scores") in said
    oracle.check(game.read)


def test_top5_is_right_where_tombstones_were_compacted_away_while_it_was_down(names, game, admin):
    for key, value in SMALL.items():
        configure(admin, game.name("high_scores"), key, value)
    with running(names):
        game.send(("gone", b"%d" % 10**15), *some(1, 100))
        game.drain()
    before = oracle.shown(game.read("top_5")[-1].value or b"")
    game.send(("gone", None))
    seeds = itertools.count(2)
    with contextlib.closing(Flow("highscores", names)):
        until_true(lambda: is_compacted(game, next(seeds)), 30)
        until_true(lambda: game.lag() == 0)
    left = game.read("high_scores")
    with running(names):
        game.drain()
    improved = oracle.improvements(game.read("scores"))
    after = oracle.shown(game.read("top_5")[-1].value or b"")

    assert before["rows"][0]["user"] == "gone"
    assert len(left) < sum(map(len, improved.values())) / 2
    assert oracle.standings(left) == oracle.table(improved)
    assert after == oracle.board(oracle.table(improved))


def is_compacted(game, seed):
    """Send some more, and tell whether a user who was removed has left no trace."""
    game.send(*some(seed, 100, tombstones=0.2))
    return b"gone" not in {seen.key for seen in game.read("high_scores")}


def test_a_broker_too_busy_to_describe_its_topics_is_waited_for(game, monkeypatch):
    describe = topics._describe  # noqa: SLF001 - no real broker can be made busy
    refusals = [KafkaException(KafkaError(KafkaError._TIMED_OUT))] * 2  # noqa: SLF001 - public

    def busy(*arguments):
        if refusals:
            raise refusals.pop()
        return describe(*arguments)

    monkeypatch.setattr(topics, "_describe", busy)
    found = await_topics(game.settings)

    assert refusals == []
    assert set(found) == set(game.settings.kinds)
