"""The parts of a benchmark: each measures by a plan."""

from collections.abc import Callable

from bench import candidates, fanout, latency, ranks, restarts, throughput
from bench.broker import Broker
from bench.facts import Part, Row
from bench.plan import Plan


def _throughput(broker: Broker, plan: Plan) -> Part:
    """Bare loops and our flow."""
    everyone = [*candidates.LOOPS, *candidates.FLOWS]
    return throughput.run(broker, plan.game, everyone, plan.rounds)


def _others(broker: Broker, plan: Plan) -> Part:
    """Others in Python; they are slow, so one round."""
    everyone = [*candidates.BASE, *candidates.pythons()]
    return throughput.run(broker, plan.game, everyone, 1)


def _java(broker: Broker, plan: Plan) -> Part:
    """Kafka Streams, which promises at least once; so does our flow in one of its two ways."""
    everyone = [*candidates.STREAMS_BASE, *candidates.javas()]
    return throughput.run(broker, plan.game, everyone, max(plan.rounds - 1, 1))


def _variants(broker: Broker, plan: Plan) -> Part:
    """Our flow and the loop on other games; with three boards too, where they last for days."""
    part = Part([], {})
    rounds = max(plan.rounds - 2, 1)
    for game in plan.variants:
        everyone = [*candidates.BASE, *[candidates.OTHER_BOARDS] * (game.days > 0)]
        part.rows.extend(throughput.run(broker, game, everyone, rounds).rows)
    return part


def _latency(broker: Broker, plan: Plan) -> Part:
    part = Part([], {})
    for load in plan.warm_ups:
        _run_load(broker, load)
    for load in plan.loads:
        for row in _run_load(broker, load):
            part.add(row)
    return part


def _run_load(broker: Broker, load: latency.Load) -> list[Row]:
    with broker.fresh_topics(**load.environment) as (settings, environment):
        return list(latency.run(settings, environment, load))


def _restarts(broker: Broker, plan: Plan) -> Part:
    part = Part([], {})
    for users in plan.tables:
        with broker.fresh_topics() as (settings, environment):
            table = restarts.Table(settings, environment, users, plan.rest_seconds)
            restarts.fill(table)
            for flow in ("highscores", "top5"):
                for row in restarts.run(table, flow, plan.kills):
                    part.add(row)
            part.add(restarts.rest_of_web(table))
    for game in plan.histories:
        with broker.fresh_topics(**candidates.OTHER_BOARDS.environment) as (settings, environment):
            table = restarts.Table(settings, environment, game.users, plan.rest_seconds)
            restarts.count(table, game)
            for row in restarts.run(table, "highscores", plan.kills):
                part.add(row | {"flow": restarts.WITH_THREE_BOARDS, "history_days": game.days})
    return part


def _fanout(broker: Broker, plan: Plan) -> Part:
    part = Part([], {})
    for crowd in plan.crowds:
        with broker.fresh_topics():
            try:
                part.add(fanout.run(crowd))
            except RuntimeError as error:
                part.skipped[str(crowd)] = str(error)
    return part


def _ranks(broker: Broker, plan: Plan) -> Part:
    users, seconds = plan.ranks
    with broker.fresh_topics() as (settings, environment):
        return ranks.run(settings, environment, users, seconds)


PARTS: dict[str, Callable[[Broker, Plan], Part]] = {
    "throughput": _throughput,
    "variants": _variants,
    "others": _others,
    "java": _java,
    "latency": _latency,
    "restarts": _restarts,
    "fanout": _fanout,
    "ranks": _ranks,
}
