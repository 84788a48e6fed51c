"""The benchmark measures every candidate once and finds it right; its arithmetic is tried apart."""

import re
from xml.etree import ElementTree as ET

import pytest

from bench import candidates, growth, latency, plots, report, sending, throughput
from bench import game as games
from bench.broker import Broker
from bench.candidates import OURS, QUIX
from bench.facts import Facts, Part
from bench.game import Game
from bench.parts import PARTS
from bench.plan import PLANS

TINY = PLANS["tiny"]
# What Maven and uv say where the network is missing, and the benchmark where a tool is.
UNAVAILABLE = re.compile(
    r"^there is no |transfer artifact|Failed to (fetch|download)|error sending request|timed out"
)


def loops_and_flows():
    return [*candidates.LOOPS, *candidates.FLOWS]


@pytest.mark.timeout(240)  # seconds: others are fetched and built first
@pytest.mark.parametrize("give", [loops_and_flows, candidates.pythons, candidates.javas])
def test_every_candidate_is_right_unless_its_tools_or_the_network_are_missing(
    give, kafka, tmp_path
):
    everyone = give()
    part = throughput.run(Broker(kafka, tmp_path), TINY.game, everyone, 1)
    missing = {name: why for name, why in part.skipped.items() if UNAVAILABLE.search(why)}

    assert [row["wrong"] for row in part.rows] == [""] * len(part.rows)
    assert part.skipped == missing
    assert {row["candidate"] for row in part.rows} | set(missing) == {
        each.name for each in everyone
    }
    if missing:
        pytest.skip(str(missing))


@pytest.mark.timeout(240)  # seconds: some start the web app twice, on a busy machine
@pytest.mark.parametrize("name", ["variants", "latency", "restarts", "fanout", "ranks"])
def test_every_part_finds_what_it_measures(name, kafka, tmp_path, monkeypatch):
    monkeypatch.setattr(sending, "LEAST_SHARE", 0)  # other tests run on this machine
    part = PARTS[name](Broker(kafka, tmp_path), TINY)

    assert part.rows
    assert not any(row.get("wrong") for row in part.rows)


@pytest.mark.parametrize("is_skewed", [False, True])
def test_a_game_is_the_same_for_its_seed_and_its_bests_are_its_maxima(is_skewed):
    game = Game(5_000, 100, is_skewed)
    played = list(games.draw(game))
    expected = games.expected(game)

    assert played == list(games.draw(game))
    assert len(expected.best) == len({user for user, _ in played}) + 2 * game.partitions
    for user in {user for user, _ in played}:
        assert expected.best[user] == max(score for each, score in played if each == user)


def test_nothing_of_a_replay_improves_but_its_marks():
    game = Game(1_000, 50, is_replay=True, partitions=3)

    assert games.expected(game).improvements == 6


def test_a_score_counts_as_seen_when_it_or_a_later_leader_was():
    sent = [1_000, 2_000, 3_000]

    assert latency.delays(sent, [(1_000, 5_000), (3_000, 9_000)]) == [4.0, 7.0, 6.0]
    assert latency.delays(sent, [(3_000, 9_000), (1_000, 9_500)]) == [8.0, 7.0, 6.0]


def test_a_leading_score_that_nobody_saw_fails_the_measurement():
    with pytest.raises(TimeoutError, match="never seen"):
        latency.delays([1_000, 2_000], [(1_000, 5_000)])


def test_parts_that_were_measured_apart_make_one_report(tmp_path):
    first = {"flow": "top5", "users": 10, "seconds": 2.0}
    rest = {"flow": "top5", "users": 10, "resident_mib": 50.0, "peak_mib": 60.0}
    Facts(tmp_path).keep("restarts", "tiny", Part([first, rest | {"idle_percent": 1.0}], {}))
    Facts(tmp_path).keep("others", "tiny", Part([], {QUIX: "there is no uv"}))

    text = report.write(Facts(tmp_path), tmp_path).read_text()

    assert "| top5 | 10 | 0 | 2 |" in text
    assert "Quix Streams: skipped, there is no uv" in text
    assert (tmp_path / "restarts.svg").exists()


def test_a_line_through_the_ends_foretells_the_middle():
    line = growth.through([(1.0, 12.0), (2.0, 99.0), (3.0, 16.0)])

    assert line.at(2.0) == pytest.approx(14.0)


def test_the_model_of_catching_up_is_checked_where_a_score_makes_several_bests(tmp_path):
    facts = Facts(tmp_path)
    base = {"form": "json", "partitions": 8, "scores": 1_000, "wrong": ""}
    points = {"none": (0, 1.0), "some": (500, 3.5), "all": (1_000, 5.0)}
    rows = [
        base | {"candidate": OURS, "game": game, "messages": bests, "cpu_seconds": cpu / 1_000}
        for game, (bests, cpu) in points.items()
    ]
    three = {
        "candidate": candidates.THREE_BOARDS,
        "game": "some",
        "messages": 2_000,
        "cpu_seconds": 0.008,
    }
    facts.keep("variants", "tiny", Part([*rows, base | three], {}))

    middle, boards = growth.checks(facts)

    assert (middle.at, middle.predicted, middle.measured) == ("0.500 bests of a score", 3.0, 3.5)
    assert boards.at == "2.000 bests of a score, on three boards"
    assert boards.predicted == pytest.approx(9.0)
    assert boards.measured == pytest.approx(8.0)


def test_a_plot_is_xml_that_names_every_bar():
    text = plots.bars("A & B", "note", [plots.Bar("<one>", 1.0, 0.5, 1.5)])

    assert "<one>" in "".join(ET.fromstring(text).itertext())  # noqa: S314 - our own
