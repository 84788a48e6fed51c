"""Throughput: candidates count the same game, in turn, and each result is checked."""

from collections.abc import Sequence

from bench import game as games
from bench import periods, results
from bench.broker import Broker
from bench.candidates import Skipped
from bench.facts import Part
from bench.game import Game
from bench.results import Tables
from bench.runs import Candidate
from conf.settings import Settings


def run(broker: Broker, game: Game, candidates: Sequence[Candidate | Skipped], rounds: int) -> Part:
    """Write a game once, then let each candidate count it, in turn, round by round."""
    part = Part([], {each.name: each.why for each in candidates if isinstance(each, Skipped)})
    given = {
        "LEADERBOARD_TOPICS__SCORES__FORMAT": game.form,
        "LEADERBOARD_TOPICS__SCORES__PARTITIONS": str(game.partitions),
        "LEADERBOARD_TOPICS__HIGH_SCORES__PARTITIONS": str(game.shards or game.partitions),
    }
    with broker.fresh_topics(**given) as (settings, _):
        games.fill(settings, game)
        scores = settings.topics.scores.name
        right = _right(settings, game)
    for turn in range(1, rounds + 1):
        for candidate in candidates:
            if isinstance(candidate, Skipped):
                continue
            own = {**given, **candidate.environment}
            with broker.fresh_topics(scores, **own) as (settings, environment):
                games.fill_table(settings, game)
                found = results.run(settings, candidate, environment, right)
            rate = game.scores / found.seconds if found.seconds else 0.0
            row = {"candidate": candidate.name, "rate": rate, **found._asdict()}
            part.add({**row, "round": turn, "game": str(game), **game._asdict()})
    return part


def _right(settings: Settings, game: Game) -> Tables:
    """Return the right tables of a game; those by period only where it lasts for days."""
    by_period = periods.bests(settings) if game.days else {}
    return {"high_scores": games.expected(game).best, **by_period}
