"""scores -> the best of each user on each board -> high-scores...; bad input -> scores-rejected.

python -m bytewax.run dataflows.highscores -s 1
"""

import os
import sys
from typing import TYPE_CHECKING, TypeGuard, cast

import bytewax.operators as op
from bytewax.dataflow import Dataflow

from conf.settings import Settings
from dataflows.cluster import find_cluster
from dataflows.context import FlowContext
from dataflows.highscores.filter import CandidateFilter
from dataflows.highscores.fold import Candidates, Shard
from dataflows.highscores.nested import AllTimeRule, NestedRule
from dataflows.highscores.rejects import RejectsSink
from dataflows.highscores.sink import HighScoresSink
from dataflows.highscores.source import ScoresSource
from dataflows.highscores.starts import Starts
from dataflows.periods import Calendar
from dataflows.process import Stopping, set_up
from dataflows.status import serve
from dataflows.wire import Rejected

if TYPE_CHECKING:
    from bytewax.operators import KeyedStream


def flow() -> Dataflow:
    """Build the flow from the settings; from now on SIGTERM and SIGINT end it cleanly."""
    settings, stopping = set_up("highscores")
    return build(settings, stopping)


def build(settings: Settings, stopping: Stopping) -> Dataflow:
    """Build the flow; it touches Kafka when it runs, not before."""
    pace = settings.flows.transactions_per_second
    topics = ("scores", *settings.tables, "rejected")
    cluster = find_cluster(sys.argv[1:], os.environ)
    context = FlowContext(settings, topics, stopping, cluster=cluster, transactions_per_second=pace)
    serve(context)
    calendar = Calendar(settings.boards, settings.time_zone, settings.late_hours)
    starts = Starts(context, calendar)
    rule = NestedRule(calendar, starts) if calendar.boards else AllTimeRule()
    shards: dict[int, Shard] = {}  # of this process, as soon as each is restored
    flow = Dataflow("highscores")

    batches = op.input("scores", flow, ScoresSource(context, starts))
    # ScoresBatch(partition=3, epoch=17, messages=[<up to 10,000>])
    read = op.flat_map("read", batches, CandidateFilter(context, shards, rule))
    # ("000005", Candidates(partition=3, users=[b"ann"], ...)), only what may beat ann's best
    # ("000003", Rejected(key=b"ann", value=b"12O", reason="not an integer ...", ...))
    readable = op.branch("readable", read, _is_readable)
    oks, errs = readable.trues, cast("KeyedStream[Rejected]", readable.falses)
    op.output("scores-rejected", errs, RejectsSink(context))
    op.output("high-scores", oks, HighScoresSink(context, calendar, starts, shards))
    return flow


def _is_readable(item: tuple[str, Candidates | Rejected]) -> TypeGuard[tuple[str, Candidates]]:
    return isinstance(item[1], Candidates)
