"""high-scores -> the best of each shard -> the best of all -> top-5.

python -m bytewax.run dataflows.top5 -s 1
"""

import os
import sys

import bytewax.operators as op
from bytewax.dataflow import Dataflow

from conf.settings import Settings
from dataflows.cluster import find_cluster
from dataflows.context import FlowContext
from dataflows.periods import Calendar
from dataflows.process import Stopping, set_up
from dataflows.status import serve
from dataflows.top5.closed import ClosedPeriods
from dataflows.top5.sink import Top5Sink
from dataflows.top5.source import TableSource
from dataflows.top5.steps import PaceBoards, RankTables


def flow() -> Dataflow:
    """Build the flow from the settings; from now on SIGTERM and SIGINT end it cleanly."""
    settings, stopping = set_up("top5")
    return build(settings, stopping)


def build(settings: Settings, stopping: Stopping) -> Dataflow:
    """Build the flow; it touches Kafka when it runs, not before."""
    cluster = find_cluster(sys.argv[1:], os.environ)
    context = FlowContext(settings, (*settings.tables, "top_5"), stopping, cluster=cluster)
    serve(context)
    calendar = Calendar(settings.boards, settings.time_zone, settings.late_hours)
    closed = ClosedPeriods(context, calendar)
    flow = Dataflow("top5")

    batches = op.input("high-scores", flow, TableSource(context, calendar))
    # TableBatch(board="all-time", partition=3, messages=[<up to 10,000>], position=70211, ...)
    tops = op.flat_map("best-of-shards", batches, RankTables(context, calendar, closed))
    # ("all-time", ShardTop(shard=3, shards=8, position=70211, users=[RankedUser(...)], ...))
    boards = op.stateful_batch(
        "board",
        tops,
        lambda _: PaceBoards(settings, calendar, closed, context.deadlines),
    )
    # ("all-time", BoardUpdate(board=Board(players=81204, ...), ...)), at most 20 a second
    op.output("top-5", boards, Top5Sink(context))
    return flow
