"""A stop at any moment: also of a cluster whose processes are not equally far."""

import signal

import pytest

from dataflows.kafka.topics import await_topics
from tests.support.processes import Flow
from tests.support.until import until_true


@pytest.mark.parametrize("said", ["no committed position", "restored"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_cluster_that_is_stopped_while_it_starts_ends_cleanly(names, settings, said, number):
    await_topics(settings)
    flow = Flow("highscores", names, processes=2)
    try:
        until_true(lambda: said in flow.said(), 60)
        statuses = flow.stop(number)

        assert statuses == [0, 0]
        assert "Traceback" not in flow.said()
    finally:
        flow.close()
