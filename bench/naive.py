"""The simplest flow: Bytewax with its own connectors, one item for each score."""

import bytewax.connectors.kafka.operators as kop
import bytewax.operators as op
import msgspec
from bytewax.connectors.kafka import KafkaSinkMessage, KafkaSourceMessage
from bytewax.dataflow import Dataflow

from conf.loading import load

Received = KafkaSourceMessage[bytes | None, bytes | None]
Sent = KafkaSinkMessage[bytes, bytes]


def flow() -> Dataflow:
    """Read `scores`, keep each user's best, write it when it improves."""
    settings = load()
    brokers = settings.bootstrap_servers.split(",")
    flow = Dataflow("naive")
    messages = kop.input("scores", flow, brokers=brokers, topics=[settings.topics.scores.name])
    scores = op.map("decode", messages.oks, _decode)
    bests = op.stateful_map("best", scores, _better)
    news = op.filter_map("news", bests, _news)
    kop.output("high-scores", news, brokers=brokers, topic=settings.topics.high_scores.name)
    return flow


def _decode(message: Received) -> tuple[str, int]:
    return (message.key or b"").decode(), msgspec.json.decode(message.value or b"", type=int)


def _better(best: int | None, score: int) -> tuple[int, int | None]:
    return (score, score) if best is None or score > best else (best, None)


def _news(item: tuple[str, int | None]) -> Sent | None:
    user, score = item
    return None if score is None else KafkaSinkMessage(user.encode(), b"%d" % score)
