# /// script
# requires-python = ">=3.11"
# dependencies = ["quixstreams==3.28.1"]
# ///
"""The best score of each user, as the documentation of Quix Streams suggests.

Quix Streams needs an older confluent-kafka than ours. So `bench.candidates` lets `uv` make a
separate environment from the lines above. It commits once a second, like our flow.
"""

import os

from quixstreams import Application, State  # type: ignore[import-not-found]


def run() -> None:
    """Read `scores`, keep each user's best in its state store, write it when it improves."""
    application = Application(
        broker_address=os.environ["LEADERBOARD_BOOTSTRAP_SERVERS"],
        consumer_group=os.environ["LEADERBOARD_GROUP"],
        auto_offset_reset="earliest",
        commit_interval=1,
        state_dir=os.environ["BENCH_STATE"],
        auto_create_topics=True,
    )
    scores = application.topic(
        os.environ["LEADERBOARD_TOPICS__SCORES__NAME"],
        key_deserializer="str",
        value_deserializer="json",
    )
    bests = application.topic(
        os.environ["LEADERBOARD_TOPICS__HIGH_SCORES__NAME"],
        key_serializer="str",
        value_serializer="json",
    )
    stream = application.dataframe(scores)
    stream = stream.apply(_better, stateful=True)
    stream = stream[stream.apply(lambda best: best is not None)]
    stream.to_topic(bests)
    application.run()


def _better(score: int, state: State) -> int | None:
    if score <= state.get("best", -1):
        return None
    state.set("best", score)
    return score


if __name__ == "__main__":
    run()
