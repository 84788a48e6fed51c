"""The command lines: one way with arguments, pipes and interrupts, and none beside a flow."""

import contextlib
import importlib
import signal
import subprocess
import sys
from typing import ClassVar

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException

from conf import clients
from dataflows import command
from dataflows.positions import forget, positions
from local import children
from tests.support.load import load, some
from tests.support.processes import Flow
from tests.support.until import until_true

COMMANDS = ["positions", "rekey", "topics"]


@contextlib.contextmanager
def start(module, *arguments):
    """Run a command with its output in pipes, and kill what is left of it."""
    process = subprocess.Popen(
        [sys.executable, "-m", f"dataflows.{module}", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=children.die_with_parent,  # noqa: PLW1509 - it takes no lock; SIGINT may be ignored
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def ended(module, *arguments):
    """Run a command; give its status and what it has printed to each pipe."""
    with start(module, *arguments) as process:
        printed = process.communicate(timeout=180)
        return process.returncode, *printed


@pytest.mark.parametrize(
    ("arguments", "status"), [(["--help"], 0), (["--no-such"], 2), (["all"], 2), (["--forget="], 2)]
)
@pytest.mark.parametrize("command", COMMANDS)
def test_help_and_unknown_arguments_do_nothing_else(
    monkeypatch, capsys, command, arguments, status
):
    monkeypatch.setenv("LEADERBOARD_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    module = importlib.import_module(f"dataflows.{command}")
    with pytest.raises(SystemExit) as raised:
        module.main(arguments)

    assert raised.value.code == status
    assert f"usage: python -m dataflows.{command}" in "".join(capsys.readouterr())


def test_an_error_of_kafka_is_one_line_in_words(capsys):
    def fail(_settings, _options):
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT))  # noqa: SLF001 - its public name

    assert command.run(fail, command.parser("topics", ""), []) == 1
    assert capsys.readouterr().err == "Kafka: Local: Timed out\n"


@pytest.mark.usefixtures("game")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_closes_the_pipe_is_no_failure(monkeypatch, unbuffered):
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    with start("positions") as process:
        process.stdout.close()
        said = process.stderr.read()

        assert process.wait(60) == 0
    assert said == ""


def test_ctrl_c_ends_a_command_without_a_traceback(monkeypatch):
    monkeypatch.setenv("LEADERBOARD_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    with start("topics") as process:
        assert "waiting for the broker" in process.stderr.readline()
        process.send_signal(signal.SIGINT)

        assert process.wait(60) == 130
        assert "Traceback" not in process.stderr.read()


def test_positions_are_not_forgotten_beside_a_flow(names, game):
    with contextlib.closing(Flow("highscores", names)):
        with load(game):
            until_true(lambda: game.lag() < 100 and game.end("scores") > 200, 30)
            status, _, said = ended("positions", "--forget")

        assert status == 1
        assert f"a flow runs, it has just committed {game.name('scores')}[" in said
        assert any(each.offset for each in positions(game.settings))


def test_positions_of_a_flow_that_has_ended_are_forgotten(names, game):
    game.send(*some(1, 100))
    with contextlib.closing(Flow("highscores", names)):
        until_true(lambda: game.lag() == 0, 30)
    status, shown, _ = ended("positions", "--forget")

    assert status == 0
    assert shown.count("not counted yet") == 8


def test_positions_of_a_group_with_members_are_not_forgotten(game):
    properties = {**clients.consumer(game.settings), "client.id": "a-tool"}
    consumer = Consumer({**properties, "auto.offset.reset": "earliest"})
    consumer.subscribe([game.name("scores")])
    until_true(lambda: consumer.poll(0.1) is None and consumer.assignment(), 30)
    try:
        status, _, said = ended("positions", "--forget")
    finally:
        consumer.close()

    assert status == 1
    assert f"group {game.settings.group} has members: a-tool on /127.0.0.1; end them" in said


def test_a_group_that_nobody_has_used_has_nothing_to_forget(game):
    forget(game.settings)

    assert {each.offset for each in positions(game.settings)} == {None}


def test_a_broker_that_does_not_lead_a_new_topic_yet_is_asked_again(game, monkeypatch):
    class Refused(Consumer):
        """A consumer whose first question of each kind the broker refuses."""

        refused: ClassVar = {"committed", "get_watermark_offsets"}

        def committed(self, *asked, **limits):
            return self._ask(super().committed, *asked, **limits)

        def get_watermark_offsets(self, *asked, **limits):
            return self._ask(super().get_watermark_offsets, *asked, **limits)

        def _ask(self, question, *asked, **limits):
            if question.__name__ in self.refused:
                self.refused.discard(question.__name__)
                raise KafkaException(KafkaError(KafkaError.NOT_LEADER_FOR_PARTITION))
            return question(*asked, **limits)

    monkeypatch.setattr("dataflows.positions.Consumer", Refused)

    assert [each.end for each in positions(game.settings)] == [0] * 8
    assert not Refused.refused
