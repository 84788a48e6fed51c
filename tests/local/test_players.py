"""The simulated crowd: believable, the same from a seed, and slow to change the board."""

import heapq
import itertools
import subprocess
import sys
import threading
from typing import Any

import pytest
from confluent_kafka import OFFSET_BEGINNING, KafkaError, KafkaException, TopicPartition
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflows.kafka.caught_up import read_to_end
from local import children
from local.crowd import players, plays
from local.demo import PROCFILE, parts
from local.offsets import end_offset
from local.players import SCORES_A_DAY
from tests.support import oracle

RATE = 50


def game(seed=7, number=2000, played=0):
    return plays(players(seed, number), RATE, seed, played)


@given(st.integers(), st.integers(1, 300))
@settings(max_examples=20)
def test_no_two_players_share_a_name(seed, number):
    names = {player.user for player in players(seed, number)}

    assert len(names) == number


def test_a_seed_gives_the_same_game():
    assert list(itertools.islice(game(), 500)) == list(itertools.islice(game(), 500))


def test_the_rate_holds_from_the_start():
    first_minute = sum(1 for _ in itertools.takewhile(lambda play: play.at < 60, game()))

    assert 0.8 * RATE * 60 < first_minute < 1.25 * RATE * 60


def test_the_board_changes_now_and_then_for_hours():
    best: dict[str, int] = {}
    fifth, changes = 0, []
    for play in itertools.takewhile(lambda play: play.at < 2 * 3600, game()):
        if play.score > max(best.get(play.user, 0), fifth):
            best[play.user] = play.score
            fifth = min(heapq.nlargest(5, best.values()))
            changes.append(play.at)
    last_hour = [at for at in changes if at > 3600]

    assert 10 < len(last_hour) < 1_000


class Leaderless:
    """A consumer that is asked for a partition without a leader."""

    def get_watermark_offsets(self, *_):
        raise KafkaException(KafkaError(KafkaError.LEADER_NOT_AVAILABLE))


def test_a_signal_that_python_drops_ends_the_wait_for_a_leader(monkeypatch):
    asked = threading.Event()
    asked.set()
    monkeypatch.setattr(children, "_asked_to_exit", asked)
    consumer: Any = Leaderless()

    with pytest.raises(SystemExit):
        end_offset(consumer, TopicPartition("scores", 0))


def test_the_procfile_names_every_part_kafka_first():
    names = [part.name for part in parts(PROCFILE.read_text())]

    assert names == ["kafka", "highscores", "top5", "web", "players"]


def test_a_crowd_sends_what_it_is_asked_for(settings):
    command = [sys.executable, "-m", "local.players", "--count", "200", "--rate", "500"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert ended.returncode == 0, ended.stderr
    assert received(settings) == 200


def received(found):
    name = found.topics.scores.name
    starts = [TopicPartition(name, partition, OFFSET_BEGINNING) for partition in range(8)]
    return sum(len(messages) for start in starts for messages in read_to_end(found, start))


def test_a_past_is_played_once_and_is_in_the_order_of_time(settings):
    command = [sys.executable, "-m", "local.players", "--history-days", "2", "--count", "10"]
    for _ in range(2):
        subprocess.run(command, capture_output=True, timeout=60, check=True)
    seen = oracle.read(settings.bootstrap_servers, settings.topics.scores.name)
    times = [message.time for message in seen]
    span = (max(times) - min(times)) / 3_600_000

    assert 0.8 * 2 * SCORES_A_DAY < len(seen) - 20 < 1.25 * 2 * SCORES_A_DAY
    assert 47 < span < 49
