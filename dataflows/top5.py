"""high-scores -> the best of each partition -> the best of all -> top-5.

python -m bytewax.run dataflows.top5 -s 1
"""

import bytewax.operators as op
from bytewax.dataflow import Dataflow

from conf.settings import Settings
from dataflows.boards import Boards
from dataflows.entry import enter
from dataflows.kafka import Broker
from dataflows.standings import BoardLogic, Standings
from dataflows.stopping import Stopping
from dataflows.tables import HighScores

TOPICS = ("high_scores", "top_5")


def flow() -> Dataflow:
    """Build the flow from the settings; SIGTERM and SIGINT end it cleanly from now on."""
    return build(*enter())


def build(settings: Settings, stopping: Stopping) -> Dataflow:
    """Build the flow; it touches Kafka when it runs, not before."""
    broker = Broker(settings, TOPICS, stopping)
    flow = Dataflow("top5")

    tails = op.input("high-scores", flow, HighScores(broker))
    # Tail(partition=3, partitions=8, messages=[<up to 10,000>], end=None)
    standings = Standings(settings.top5.size, settings.topics.high_scores.format)
    tops = op.flat_map("best-of-shards", tails, standings)
    # ("all-time", ShardTop(shard=3, shards=8, position=70211, top=Top(places=[...], ...)))
    boards = op.stateful_batch("board", tops, lambda _: BoardLogic(settings.top5))
    # ("all-time", News(board=Board(players=81204, ...), ...)), 20 a second at most; the sink writes
    # what differs from the last
    op.output("top-5", boards, Boards(broker))
    return flow
