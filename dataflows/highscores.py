"""scores -> the best score of each user -> high-scores; bad input -> scores-rejected.

python -m bytewax.run dataflows.highscores -s 1
"""

from typing import TYPE_CHECKING, TypeGuard, cast

import bytewax.operators as op
from bytewax.dataflow import Dataflow

from conf.settings import Settings
from dataflows.bests import HighScores, Shards
from dataflows.entry import enter
from dataflows.kafka import Broker
from dataflows.leaderboard import Bests, Candidates
from dataflows.messages import Rejected
from dataflows.reading import Reader
from dataflows.rejects import Rejects
from dataflows.scores import Scores
from dataflows.stopping import Stopping

if TYPE_CHECKING:
    from bytewax.operators import KeyedStream

TOPICS = ("scores", "high_scores", "rejected")


def flow() -> Dataflow:
    """Build the flow from the settings; SIGTERM and SIGINT end it cleanly from now on."""
    return build(*enter())


def build(settings: Settings, stopping: Stopping) -> Dataflow:
    """Build the flow; it touches Kafka when it runs, not before."""
    broker = Broker(settings, TOPICS, stopping)
    bests = Bests(scores={}, shards=set())
    flow = Dataflow("highscores")

    batches = op.input("scores", flow, Scores(broker))
    # Batch(partition=3, epoch=17, messages=[<up to 10,000>])
    read = op.flat_map("read", batches, Reader(broker, bests))
    # ("000005", Candidates(partition=3, users=[b"ann"], ...)), only what may beat ann's best
    # ("000003", Rejected(key=b"ann", value=b"12O", reason="not an integer ...", ...))
    readable = op.branch("readable", read, _is_readable)
    oks, errs = readable.trues, cast("KeyedStream[Rejected]", readable.falses)
    op.output("scores-rejected", errs, Rejects(broker))

    shards = op.input("shards", flow, Shards(broker))
    # ("000005", None), once: the shard restores itself before the first score comes
    op.output("high-scores", op.merge("candidates", shards, oks), HighScores(broker, bests))
    return flow


def _is_readable(
    item: tuple[str, Candidates | Rejected],
) -> TypeGuard[tuple[str, Candidates]]:
    return isinstance(item[1], Candidates)
