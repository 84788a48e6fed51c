"""Moves, as docs/upgrading.md describes them: to another cluster, to other names and formats."""

import contextlib
import itertools

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from conf import clients
from local import kafka as local_kafka
from tests.conftest import QUICK
from tests.support import board_oracle, oracle, versions
from tests.support.board_oracle import Rules
from tests.support.load import some
from tests.support.processes import open_game, running
from tests.support.until import until_true

GONE = 20  # messages at the beginning of each partition that are deleted before the copy
BOARDS = {"LEADERBOARD_BOARDS": '["all-time", "day"]'}
RULES = Rules(boards=("day",))
TABLES = ("high_scores", "high_scores_day", "top_5")


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    with local_kafka.running(tmp_path_factory.mktemp("other"), properties=QUICK) as address:
        yield address


def test_flows_with_other_names_count_everything_beside_the_live_ones(names, game, monkeypatch):
    renamed = {
        name: f"{names[name]}-2"
        for name in (
            "LEADERBOARD_GROUP",
            "LEADERBOARD_TOPICS__HIGH_SCORES__NAME",
            "LEADERBOARD_TOPICS__TOP_5__NAME",
        )
    }
    another = {
        "LEADERBOARD_TOPICS__HIGH_SCORES__FORMAT": "int64",
        "LEADERBOARD_TOPICS__HIGH_SCORES__PARTITIONS": "5",
    }
    beside = {**names, **renamed, **another}
    game.send(*some(1, 200))
    with (
        running(names),
        contextlib.closing(open_game(beside, monkeypatch)) as new,
        running(beside),
    ):
        game.send(*some(2, 200))
        game.drain()
        new.drain("int64")

    oracle.check(game.read)
    oracle.check(new.read, out="int64")


@pytest.mark.parametrize("tables", [(), TABLES], ids=["scores alone", "all topics"])
def test_a_copy_in_another_cluster_is_counted_anew_whatever_was_copied(
    names, other, tables, monkeypatch
):
    names = {**names, **versions.PARTITIONS, **versions.KEPT, **BOARDS}
    there = {**names, "LEADERBOARD_BOOTSTRAP_SERVERS": other}
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(contextlib.closing(open_game(names, monkeypatch)))
        delete_head(source)
        source.play(itertools.islice(versions.scores(), 200))
        with running(names):
            board_oracle.drain(source, RULES)
        target = stack.enter_context(contextlib.closing(open_game(there, monkeypatch)))
        for kind in ("scores", *tables):
            copy(source, target, kind)
        positions = [(each.offset - GONE, each.metadata or "") for each in source.committed()]
        versions.commit(target, positions)
        translated = target.lag()
        marks = {mark for _, mark in positions}
        with running(there) as (highscores, _):
            until_true(lambda: not marks & {each.metadata for each in target.committed()}, 60)
            board_oracle.drain(target, RULES)
            board_oracle.check_lasts(target, RULES)
            target.play(itertools.islice(versions.scores(200), 40))
            board_oracle.drain(target, RULES)
            said = highscores.said()
        board_oracle.check_lasts(target, RULES)

    assert translated == 0
    assert "was recreated, or is a copy from another cluster: reading 3 of 3 partitions" in said


def delete_head(game):
    """Let offsets begin at 20: what was before is deleted."""
    for partition in range(3):
        game.send(*[(None, b"no user")] * GONE, partition=partition)
    heads = [TopicPartition(game.name("scores"), each, GONE) for each in range(3)]
    admin = AdminClient(clients.client(game.settings))
    for deleted in admin.delete_records(heads).values():
        deleted.result(60)


def copy(source, target, kind):
    """Copy a topic as MirrorMaker does: key, value, partition, time and headers stay."""
    producer = Producer(clients.producer(target.settings))
    for seen in source.read(kind):
        producer.produce(
            target.name(kind),
            seen.value,
            seen.key,
            seen.partition,
            timestamp=seen.time,
            headers=dict(seen.headers),
        )
    assert producer.flush(30) == 0
