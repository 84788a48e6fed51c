"""The topics as they are found: what is missing is made or waited for, what forgets is told."""

import pytest
from confluent_kafka.admin import AdminClient

from conf import clients
from dataflows.kafka import topics
from dataflows.kafka.topics import Topic, Unavailable, await_topics
from tests.support.processes import load_with

KEPT = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}


def there(settings):
    return set(AdminClient(clients.client(settings)).list_topics(timeout=10).topics)


def check(settings, *, partitions=8, **config):
    """Check a `scores` that was found so; none has to be made for it."""
    topics._check(settings, "scores", Topic("scores", "id", partitions, KEPT | config))  # noqa: SLF001


def test_what_is_missing_is_created_where_that_is_allowed(settings):
    found = await_topics(settings)

    assert {topic.name for topic in found.values()} <= there(settings)
    assert {kind: topic.partitions for kind, topic in found.items()} == {
        "scores": 8,
        "high_scores": 8,
        "top_5": 1,
        "rejected": 1,
    }


def test_what_is_missing_is_waited_for_and_named_where_it_may_not_be_created(names, monkeypatch):
    forbidden = {
        **names,
        "LEADERBOARD_CREATE_TOPICS": "false",
        "LEADERBOARD_STARTUP_TIMEOUT_SECONDS": "0.5",
    }
    settings = load_with(forbidden, monkeypatch)
    missing = settings.topics.scores.name

    with pytest.raises(Unavailable, match=f"topic {missing}: gave up after 0.5 s"):
        await_topics(settings, ["scores"])

    assert missing not in there(settings)


@pytest.mark.parametrize(
    "forgetful",
    [{"cleanup.policy": "compact"}, {"retention.ms": "604800000"}, {"retention.bytes": "1000"}],
)
def test_scores_that_are_forgotten_are_told_of(settings, caplog, forgetful):
    check(settings, **forgetful)

    ((key, value),) = forgetful.items()
    assert "scores FORGETS SCORES" in caplog.text
    assert f"{key}={value}" in caplog.text


def test_scores_that_are_kept_are_not_told_of(settings, caplog):
    check(settings)

    assert caplog.text == ""


def test_the_partitions_that_are_there_count_and_a_difference_is_told(settings, caplog):
    check(settings, partitions=3)

    assert "scores has 3 partitions, the settings say 8: the topic is used as it is" in (
        caplog.text
    )
