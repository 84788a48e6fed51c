"""scores -> the best score of each user -> high-scores; bad input -> scores-rejected.

python -m bytewax.run dataflows.highscores -s 1
"""

from typing import TYPE_CHECKING, TypeGuard, cast

import bytewax.operators as op
from bytewax.dataflow import Dataflow

from conf.settings import Settings
from dataflows.context import FlowContext
from dataflows.highscores.filter import CandidateFilter
from dataflows.highscores.fold import Candidates
from dataflows.highscores.rejects import RejectsSink
from dataflows.highscores.sink import HighScoresSink
from dataflows.highscores.source import ScoresSource
from dataflows.process import Stopping, set_up
from dataflows.wire import Rejected

if TYPE_CHECKING:
    from bytewax.operators import KeyedStream

TOPICS = ("scores", "high_scores", "rejected")


def flow() -> Dataflow:
    """Build the flow from the settings; from now on SIGTERM and SIGINT end it cleanly."""
    return build(*set_up())


def build(settings: Settings, stopping: Stopping) -> Dataflow:
    """Build the flow; it touches Kafka when it runs, not before."""
    pace = settings.flows.transactions_per_second
    context = FlowContext(settings, TOPICS, stopping, transactions_per_second=pace)
    bests: dict[int, dict[bytes, int]] = {}  # of each restored shard of this process
    flow = Dataflow("highscores")

    batches = op.input("scores", flow, ScoresSource(context))
    # ScoresBatch(partition=3, epoch=17, messages=[<up to 10,000>])
    read = op.flat_map("read", batches, CandidateFilter(context, bests))
    # ("000005", Candidates(partition=3, users=[b"ann"], ...)), only what may beat ann's best
    # ("000003", Rejected(key=b"ann", value=b"12O", reason="not an integer ...", ...))
    readable = op.branch("readable", read, _is_readable)
    oks, errs = readable.trues, cast("KeyedStream[Rejected]", readable.falses)
    op.output("scores-rejected", errs, RejectsSink(context))
    op.output("high-scores", oks, HighScoresSink(context, bests))
    return flow


def _is_readable(item: tuple[str, Candidates | Rejected]) -> TypeGuard[tuple[str, Candidates]]:
    return isinstance(item[1], Candidates)
