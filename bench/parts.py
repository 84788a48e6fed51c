"""The parts of a benchmark: what each measures, by plan."""

from collections.abc import Callable

from bench import candidates, fanout, latency, restarts, throughput
from bench.facts import Part, Row
from bench.place import Place
from bench.plan import Plan


def _throughput(place: Place, plan: Plan) -> Part:
    """Bare loops and our flow."""
    everyone = [*candidates.LOOPS, *candidates.FLOWS]
    return throughput.run(place, plan.game, everyone, plan.rounds)


def _others(place: Place, plan: Plan) -> Part:
    """Others in Python, slow, so in one round."""
    everyone = [*candidates.BASE, *candidates.pythons()]
    return throughput.run(place, plan.game, everyone, 1)


def _java(place: Place, plan: Plan) -> Part:
    """Kafka Streams."""
    everyone = [*candidates.BASE, *candidates.javas()]
    return throughput.run(place, plan.game, everyone, max(plan.rounds - 1, 1))


def _variants(place: Place, plan: Plan) -> Part:
    """Our flow and the loop on other games."""
    part = Part([], {})
    rounds = max(plan.rounds - 2, 1)
    for game in plan.variants:
        part.rows.extend(throughput.run(place, game, candidates.BASE, rounds).rows)
    return part


def _latency(place: Place, plan: Plan) -> Part:
    part = Part([], {})
    for load in plan.warm_ups:
        _run_load(place, load)
    for load in plan.loads:
        for row in _run_load(place, load):
            part.add(row)
    return part


def _run_load(place: Place, load: latency.Load) -> list[Row]:
    with place.fresh(**load.environment) as (settings, environment):
        return list(latency.run(settings, environment, load))


def _restarts(place: Place, plan: Plan) -> Part:
    part = Part([], {})
    for users in plan.tables:
        with place.fresh() as (settings, environment):
            table = restarts.Table(settings, environment, users, plan.rest_seconds)
            restarts.fill(table)
            for flow in ("highscores", "top5"):
                for row in restarts.run(table, flow, plan.kills):
                    part.add(row)
            part.add(restarts.rest_of_web(table))
    return part


def _fanout(place: Place, plan: Plan) -> Part:
    part = Part([], {})
    for crowd in plan.crowds:
        with place.fresh():
            part.add(fanout.run(**crowd._asdict()))
    return part


PARTS: dict[str, Callable[[Place, Plan], Part]] = {
    "throughput": _throughput,
    "variants": _variants,
    "others": _others,
    "java": _java,
    "latency": _latency,
    "restarts": _restarts,
    "fanout": _fanout,
}
