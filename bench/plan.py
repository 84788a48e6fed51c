"""How much is measured: everything, a quick look, or the least that tests the benchmark."""

from typing import NamedTuple

from bench.fanout import Crowd
from bench.game import Game
from bench.latency import Load

GUARANTEES = ("at_least_once", "exactly_once")


class Plan(NamedTuple):
    """How much of each part is measured."""

    game: Game
    rounds: int
    variants: tuple[Game, ...]
    tables: tuple[int, ...]  # users, least first
    histories: tuple[Game, ...]  # behind the open periods at a restart with three boards
    kills: int
    rest_seconds: float
    warm_ups: tuple[Load, ...]  # of Kafka, which is slow while its code is new; they do not count
    loads: tuple[Load, ...]
    crowds: tuple[Crowd, ...]
    ranks: tuple[int, float]  # users, and seconds of requests


def _variants(game: Game) -> tuple[Game, ...]:
    """Return other games; the first, which has no target, meets a broker whose code is new."""
    return (
        game._replace(partitions=1),
        game._replace(form="int32"),
        game._replace(users=game.users // 10),
        game._replace(is_replay=True),
        game._replace(users=game.users * 10),
        game._replace(is_skewed=True),
        game._replace(shards=64),
        game._replace(days=3),
    )


def _loads(rates: tuple[int, ...], seconds: float) -> tuple[Load, ...]:
    """Return five loads for each target, for the median counts, and one of each other kind.

    Boards and the events of a client have paces of their own, in another phase in each run.
    """
    targets = [Load(1_000, seconds, each, boards) for boards in (20, 0) for each in GUARANTEES]
    others = (rate for rate in rates if rate != targets[0].rate)
    return (*targets * 5, *(Load(rate, seconds, each, 0) for rate in others for each in GUARANTEES))


_FULL = Game(3_000_000, 100_000)
_QUICK = Game(150_000, 10_000)
_TINY = Game(20_000, 1_000)

PLANS = {
    "full": Plan(
        game=_FULL,
        rounds=5,
        variants=_variants(_FULL._replace(scores=2_000_000)),
        tables=(100_000, 300_000, 1_000_000),
        histories=tuple(Game(2_000_000, users, days=365) for users in (30_000, 100_000, 300_000)),
        kills=3,
        rest_seconds=5,
        warm_ups=tuple(Load(10_000, 45, guarantee) for guarantee in GUARANTEES),
        loads=_loads((100, 1_000, 10_000), 10),
        crowds=(
            Crowd(5_000, 20, 302),
            Crowd(5_000, 20, 32, scores=10_000),
            Crowd(5_000, 5, 12, "/highScores", 0),
            Crowd(5_000, 20, 32, "/highScores", 0),
            Crowd(15_000, 20, 32),
        ),
        ranks=(1_000_000, 20),
    ),
    "quick": Plan(
        game=_QUICK,
        rounds=1,
        variants=(_QUICK._replace(is_replay=True), _QUICK._replace(days=3)),
        tables=(20_000,),
        histories=(_QUICK._replace(days=365),),
        kills=1,
        rest_seconds=1,
        warm_ups=(),
        loads=(Load(1_000, 4),),
        crowds=(Crowd(500, 5, 4),),
        ranks=(100_000, 3),
    ),
    "tiny": Plan(
        game=_TINY,
        rounds=1,
        variants=(
            _TINY._replace(is_replay=True, form="int32", is_skewed=True),
            _TINY._replace(days=3, shards=12),
        ),
        tables=(1_000,),
        histories=(_TINY._replace(days=365),),
        kills=1,
        rest_seconds=0.5,
        warm_ups=(),
        loads=(Load(200, 3),),
        crowds=(Crowd(20, 5, 4),),
        ranks=(1_000, 1),
    ),
}
