"""What proves the outcomes of posted scores, without a broker."""

from typing import Any

from confluent_kafka import Message

from conf.loading import load
from dataflows.kafka.topics import Topic
from dataflows.wire import ORIGIN, Origin, encode_origin
from web.kafka import client
from web.kafka.outcomes import Outcomes
from web.kafka.progress import Progress
from web.kafka.records import Best, Posted, Receipt
from web.kafka.unreadable import Unreadable


def message(user, origin) -> Any:
    headers: dict[str, str | bytes | None] = {ORIGIN: encode_origin(origin)}
    return Message("high-scores", 0, 7, user, b"120", headers=headers, timestamp=(1, 5))


def test_a_best_is_believed_where_the_broker_does_not_say_which_topic_scores_is(monkeypatch):
    monkeypatch.setattr(client, "ANSWER_SECONDS", 0.1)
    settings = load().model_copy(update={"bootstrap_servers": "127.0.0.1:1"})
    topic = Topic("high-scores", "it", 1, {})
    outcomes = Outcomes(
        settings, client.BrokerClient(settings), topic, Progress({0: 8}), Unreadable()
    )
    news = outcomes.news([Posted(b"ann", None)], [message(b"ann", Origin("scores01", 3, 42))])

    assert news.bests == (Best(b"ann", Receipt(3, 42), 120, 5),)
