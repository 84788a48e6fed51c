"""The topics: missing ones are created or awaited, wrong ones are refused or reported."""

import gc
import re
import threading
import weakref

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
)

from conf import clients
from conf.clients import BATCH_BYTES
from conf.loading import load
from dataflows.kafka import topics
from dataflows.kafka.topic_config import corrections, creation
from dataflows.kafka.topics import Stopped, Topic, Unavailable, WrongTopic, await_topics
from tests.support.processes import load_with
from tests.support.until import until_true

KEPT = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
TABLE = {"cleanup.policy": "compact"}
DAY_MS = "86400000"
BOARDS = '["all-time", "day", "week", "month"]'
KINDS = (
    "scores",
    "high_scores",
    "high_scores_day",
    "high_scores_week",
    "high_scores_month",
    "top_5",
    "rejected",
)


def there(settings):
    return set(AdminClient(clients.client(settings)).list_topics(timeout=10).topics)


def check(kind="scores", *, partitions=8, replicas=1, brokers=1, **config):
    """Check a topic that was found so; none has to be created for it."""
    found = (KEPT if kind in {"scores", "rejected"} else TABLE) | config
    topic = Topic(kind, "id", partitions, found, replicas)
    topics._check(load(), kind, topic)  # noqa: SLF001
    topics._warn.cache_clear()  # noqa: SLF001
    for _ in range(2):  # it says so once
        topics._warn(topics._risks(load(), {kind: topic}, brokers))  # noqa: SLF001


def test_what_is_missing_is_created_where_that_is_allowed(settings):
    found = await_topics(settings)

    assert {topic.name for topic in found.values()} <= there(settings)
    assert {kind: (topic.partitions, topic.replicas) for kind, topic in found.items()} == {
        "scores": (8, 1),
        "high_scores": (8, 1),
        "top_5": (1, 1),
        "rejected": (1, 1),
    }


def test_what_is_missing_is_waited_for_and_named_where_it_may_not_be_created(names, monkeypatch):
    forbidden = {
        **names,
        "LEADERBOARD_CREATE_TOPICS": "false",
        "LEADERBOARD_STARTUP_TIMEOUT_SECONDS": "4",
    }
    settings = load_with(forbidden, monkeypatch)
    missing = settings.topics.scores.name

    with pytest.raises(Unavailable, match=f"topic {missing}: gave up after 4 s"):
        await_topics(settings, ["scores"])

    assert missing not in there(settings)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("127.0.0.1:1", "Connection refused"),
        ("no.such.host.invalid:9092", "Failed to resolve 'no.such.host.invalid:9092'"),
    ],
)
def test_a_broker_that_does_not_answer_is_named_and_why(monkeypatch, address, reason):
    nowhere = {
        "LEADERBOARD_BOOTSTRAP_SERVERS": address,
        "LEADERBOARD_STARTUP_TIMEOUT_SECONDS": "5",
    }
    with pytest.raises(Unavailable, match=f"the broker at {address} .*{reason}.*: gave up after 5"):
        await_topics(load_with(nowhere, monkeypatch))


def test_a_client_lives_until_the_question_that_was_given_up_is_answered(monkeypatch):
    made = []

    class Noted(AdminClient):
        def __init__(self, properties):
            super().__init__(properties)
            made.append(weakref.ref(self))

    monkeypatch.setattr("dataflows.kafka.topics.AdminClient", Noted)
    nowhere = {
        "LEADERBOARD_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "LEADERBOARD_STARTUP_TIMEOUT_SECONDS": "1",
    }
    with pytest.raises(Unavailable):
        await_topics(load_with(nowhere, monkeypatch))
    gc.collect()

    assert [each() is None for each in made] == [False]


def test_a_wait_for_an_answer_ends_when_the_program_stops(monkeypatch):
    stopping = threading.Event()
    threading.Timer(0.3, stopping.set).start()
    settings = load_with({"LEADERBOARD_BOOTSTRAP_SERVERS": "127.0.0.1:1"}, monkeypatch)

    with pytest.raises(Stopped):
        await_topics(settings, stopping=stopping.is_set)


@pytest.mark.parametrize("forgetful", [{"retention.ms": "604800000"}, {"retention.bytes": "1000"}])
def test_scores_that_may_be_forgotten_are_reported(caplog, forgetful):
    check(**forgetful)

    ((key, value),) = forgetful.items()
    assert "scores FORGETS SCORES" in caplog.text
    assert f"{key}={value}" in caplog.text
    assert "--add-config retention.ms=-1,retention.bytes=-1" in caplog.text


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ({"brokers": 3}, "has one replica on 3 brokers: messages are lost with their broker"),
        ({"brokers": 3, "replicas": 2}, "has 2 replicas: one broker less leaves one copy"),
        ({"replicas": 3, "min.insync.replicas": "1"}, "--add-config min.insync.replicas=2"),
        (
            {"replicas": 3, "unclean.leader.election.enable": "true"},
            "--add-config unclean.leader.election.enable=false",
        ),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_a_topic_that_may_lose_messages_is_reported(caplog, kind, found, told):
    check(kind, **found, partitions=load().topics.of(kind).partitions)

    (record,) = caplog.records
    assert (record.levelname, told in record.message) == ("WARNING", True)


@pytest.mark.parametrize(
    "found", [{}, {"replicas": 3, "brokers": 3, "min.insync.replicas": "2"}, {"replicas": 3}]
)
def test_topics_that_lose_nothing_are_not_reported(caplog, found):
    check(**found)

    assert caplog.text == ""


def test_the_partitions_that_are_there_count_and_a_difference_is_reported(caplog):
    check(partitions=3)

    assert "scores has 3 partitions, the settings say 8: the topic is used as it is" in (
        caplog.text
    )


WRONG = [
    ("scores", "cleanup.policy", "compact"),
    ("rejected", "cleanup.policy", "compact,delete"),
    ("high_scores", "cleanup.policy", "delete"),
    ("high_scores", "message.timestamp.type", "LogAppendTime"),
    ("high_scores", "message.timestamp.before.max.ms", DAY_MS),
    ("high_scores", "message.timestamp.after.max.ms", DAY_MS),
    ("high_scores", "max.message.bytes", "5000"),
    ("top_5", "cleanup.policy", "compact,delete"),
    ("top_5", "message.timestamp.type", "LogAppendTime"),
    ("top_5", "message.timestamp.before.max.ms", DAY_MS),
    ("top_5", "max.message.bytes", "900000"),
    ("rejected", "max.message.bytes", "9000"),
    ("high_scores", "min.insync.replicas", "2"),
]


@pytest.mark.parametrize(("kind", "name", "value"), WRONG)
def test_a_topic_that_would_make_results_wrong_is_refused_with_the_command_that_fixes_it(
    settings, kind, name, value
):
    admin, topic = AdminClient(clients.client(settings)), getattr(settings.topics, kind).name
    wrong = NewTopic(topic, 1, 1, config=creation(settings, kind, BATCH_BYTES) | {name: value})
    admin.create_topics([wrong])[topic].result(60)
    with pytest.raises(WrongTopic) as raised:
        await_topics(settings, [kind])
    text = str(raised.value)
    mend(admin, text)

    assert f"topic {topic} has {name}={value}, " in text
    assert f"--bootstrap-server {settings.bootstrap_servers} --alter" in text
    until_true(lambda: is_accepted(settings, kind))  # the broker needs a moment
    assert await_topics(settings, [kind])[kind].config[name] != value


def is_accepted(settings, kind):
    try:
        return await_topics(settings, [kind])
    except WrongTopic:
        return False


def mend(admin, text):
    """Do what the command would do."""
    (topic, added), *_ = re.findall(r"--entity-name (\S+) --add-config (\S+)$", text)
    entries = [
        ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
        for name, value in (each.split("=") for each in added.split(","))
    ]
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=entries)
    admin.incremental_alter_configs([resource])[resource].result(60)


def test_all_that_is_wrong_with_a_topic_is_fixed_by_one_command():
    with pytest.raises(WrongTopic) as raised:
        check("top_5", partitions=1, **{"cleanup.policy": "delete", "max.message.bytes": "1"})

    assert "--add-config cleanup.policy=compact,max.message.bytes=1048588" in str(raised.value)


def test_a_bound_on_the_difference_of_times_of_older_brokers_is_refused():
    with pytest.raises(WrongTopic, match=r"message\.timestamp\.difference\.max\.ms=9223372036854"):
        check("high_scores", **{"message.timestamp.difference.max.ms": DAY_MS})


@pytest.mark.parametrize("setting", [("top5", "size", 1000), ("user_max_bytes", 16_384)])
def test_a_board_of_the_longest_users_fits_the_topic_that_is_created(setting):
    *section, name, value = setting
    settings = load()
    if section:
        changed = getattr(settings, section[0]).model_copy(update={name: value})
        settings = settings.model_copy(update={section[0]: changed})
    else:
        settings = settings.model_copy(update={name: value})
    longest = settings.user_max_bytes * 2 * settings.top5.size
    created = creation(settings, "top_5", BATCH_BYTES)

    assert int(created["max.message.bytes"]) >= max(longest, 1_048_588)
    assert int(created["segment.bytes"]) >= int(created["max.message.bytes"])


def test_batches_that_the_settings_keep_small_fit_a_small_topic(monkeypatch):
    monkeypatch.setenv("LEADERBOARD_KAFKA__BATCH_SIZE", "4000")
    monkeypatch.setenv("LEADERBOARD_USER_MAX_BYTES", "100")

    check("high_scores", **{"max.message.bytes": "5000"})


@pytest.mark.parametrize("batch_bytes", [BATCH_BYTES, 5_000_000])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_created_is_right_whatever_the_defaults_of_the_broker(kind, batch_bytes):
    bounds = {
        "cleanup.policy": "delete",
        "max.message.bytes": "1000",
        "message.timestamp.after.max.ms": "60000",
        "message.timestamp.before.max.ms": "60000",
        "message.timestamp.type": "LogAppendTime",
    }
    found = bounds | creation(load(), kind, batch_bytes)

    assert corrections(load(), kind, found, replicas=1, batch_bytes=batch_bytes) == {}


@pytest.mark.parametrize(
    ("found", "remedy"),
    [
        ({"cleanup.policy": "compact,delete", "retention.ms": DAY_MS}, "retention.ms=2764800000"),
        ({"cleanup.policy": "delete", "retention.ms": "-1"}, "cleanup.policy=compact,delete"),
        ({"cleanup.policy": "compact", "retention.bytes": "1000"}, "retention.bytes=-1"),
    ],
)
def test_a_table_that_forgets_an_open_period_is_refused(found, remedy):
    with pytest.raises(WrongTopic) as raised:
        check("high_scores_day", **found)

    assert f"--add-config {remedy}" in str(raised.value)


def test_the_tables_of_all_boards_are_partitioned_like_high_scores(names, monkeypatch):
    settings = load_with({**names, "LEADERBOARD_TOPICS__HIGH_SCORES__PARTITIONS": "3"}, monkeypatch)
    await_topics(settings, ["high_scores"])
    settings = load_with({**names, "LEADERBOARD_BOARDS": BOARDS}, monkeypatch)
    monkeypatch.delenv("LEADERBOARD_TOPICS__HIGH_SCORES__PARTITIONS")
    found = await_topics(load())

    assert {kind: found[kind].partitions for kind in settings.tables} == dict.fromkeys(
        settings.tables, 3
    )
    assert found["high_scores_week"].config["cleanup.policy"] == "compact,delete"


def test_a_table_with_other_partitions_than_high_scores_is_refused(names, monkeypatch):
    settings = load_with({**names, "LEADERBOARD_BOARDS": BOARDS}, monkeypatch)
    await_topics(settings)
    admin, name = AdminClient(clients.client(settings)), settings.topics.high_scores.name
    admin.create_partitions([NewPartitions(name, 9)])[name].result(60)
    until_true(lambda: len(admin.list_topics(name).topics[name].partitions) == 9)

    with pytest.raises(WrongTopic, match=f"--alter --topic {name}-day --partitions 9"):
        await_topics(settings)
