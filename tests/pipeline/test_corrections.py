"""Corrections of a running leaderboard: nothing is lost, whenever the command is killed."""

import contextlib
import random
import subprocess
import sys
import time
from functools import partial

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer

from dataflows import correct as module
from tests.support import oracle, raw_header
from tests.support.load import repeated
from tests.support.processes import open_game, running
from tests.support.until import until_true

STEPS = [  # where the command is killed, in the order of its work
    "UserLog.read 1",  # while it reads the log
    "Correction.begin 1",  # before it writes
    "UserLog.read 9",  # behind the tombstone
    "Correction.end 1",  # before it writes honest scores once more
    "Producer.commit_transaction 1",  # before it commits
]
KILLED = """
import os, signal, sys
import dataflows.correct as correct

name, method, count = sys.argv.pop(1).replace(".", " ").split()
owner, seen = getattr(correct, name), []
if name == "Producer":
    owner = correct.Producer = type("Producer", (owner,), {})
call = getattr(owner, method)

def halt(*arguments, **given):
    seen.append(arguments)
    if len(seen) == int(count):
        os.kill(os.getpid(), signal.SIGKILL)
    return call(*arguments, **given)

setattr(owner, method, halt)
sys.exit(correct.main())
"""


@pytest.fixture
def game(names, monkeypatch):
    given = {**names, "LEADERBOARD_BOARDS": '["all-time", "day"]'}
    with contextlib.closing(open_game(given, monkeypatch)) as game:
        yield game


def correct(*arguments, step=""):
    program = ["-c", KILLED, step] if step else ["-m", "dataflows.correct"]
    return subprocess.run(
        [sys.executable, *program, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@contextlib.contextmanager
def playing(game, user):
    """Send ever better scores of a user, and some that are no better; yield what was sent."""
    dice, sent = random.Random(4), list[int]()

    def play():
        sent.append(len(sent) + 1 + dice.randrange(20))
        game.send((user, b"%d" % sent[-1]))

    with repeated(play, 0.002):
        yield sent


def place_of(game, user, score):
    (found,) = [seen for seen in game.read("scores") if (seen.key, seen.value) == (user, score)]
    return f"{found.partition}@{found.offset}"


def bests(game, kind):
    found = oracle.standings(game.read(kind))
    return {key.rpartition(b"/")[2]: score for key, (score, _) in found.items()}


def test_a_voided_score_is_gone_and_nothing_else_whenever_the_command_is_killed(names, game):
    with running({**names, "LEADERBOARD_BOARDS": '["all-time", "day"]'}):
        with playing(game, "ann") as sent:
            game.send(("ann", b"999999"), ("bob", b"5"))
            place = place_of(game, b"ann", b"999999")
            until_true(lambda: bests(game, "high_scores").get(b"ann") == 999_999, 30)
            for step in STEPS:
                killed = correct("void", "ann", place, "--reason", "a bot", step=step)
                assert killed.returncode == -9, (step, killed.stdout, killed.stderr)
                time.sleep(0.2)  # some more scores
            done = correct("void", "ann", place, "--reason", "a bot")
            assert done.returncode == 0, done.stderr
            count = len(sent)
            until_true(lambda: len(sent) > count + 5, 30)
        until_true(lambda: game.lag() == 0, 60)
        expected = {b"ann": max(sent), b"bob": 5}
        for kind in ("high_scores", "high_scores_day"):
            until_true(lambda: bests(game, kind) == expected, 30)  # noqa: B023
        shown = correct("show", "ann").stdout

    assert f"{place}  " in shown
    assert "voided (a bot)" in shown


def test_what_is_no_score_of_the_user_is_refused(game):
    game.send(("ann", b"5"), ("bob", b"7"))
    place = place_of(game, b"bob", b"7")
    refused = correct("void", "ann", place, "--reason", "x")
    misspelt = correct("void", "ann", "3", "--reason", "x")

    assert refused.returncode == 1
    assert f"{place} is no score of 'ann' that counts" in refused.stderr
    assert (misspelt.returncode, "is not PARTITION@OFFSET" in misspelt.stderr) == (2, True)


def test_a_header_that_cannot_be_read_hides_no_score(game):
    raw_header.write(game.settings.bootstrap_servers, game.name("scores"), b"ann", b"5")
    shown = correct("show", "ann")

    assert shown.returncode == 0, shown.stderr
    assert "  5  the best of all-time" in shown.stdout


def fail(*_arguments, **kind):
    raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "late", **kind))  # noqa: SLF001


@pytest.mark.parametrize(
    ("methods", "said"),
    [
        ({"flush": lambda *_: 1}, "nothing is changed: the broker does not answer"),
        ({"commit_transaction": partial(fail, retriable=True)}, "not confirmed: late"),
        (
            {"commit_transaction": partial(fail, txn_requires_abort=True)},
            "nothing is changed: late",
        ),
    ],
    ids=["to the tombstone", "to the commit", "but an abort"],
)
def test_without_an_answer_of_the_broker_no_score_is_lost(game, monkeypatch, capsys, methods, said):
    game.send(("ann", b"5"), ("ann", b"9"))
    place = place_of(game, b"ann", b"9")
    monkeypatch.setattr(module, "TRANSACTION_MS", 1000)
    monkeypatch.setattr(module, "Producer", type("Stalled", (Producer,), methods))

    assert module.main(["void", "ann", place, "--reason", "x"]) == 1
    assert capsys.readouterr().err.endswith(f"{said}; run it again\n")
    assert [seen.value for seen in game.read("scores")] == [b"5", b"9"]


def test_a_commit_that_is_answered_late_is_asked_for_again(game, monkeypatch, capsys):
    class Slow(Producer):
        late = 2

        def commit_transaction(self, *arguments):
            self.late -= 1
            if self.late >= 0:
                fail(retriable=True)
            super().commit_transaction(*arguments)

    game.send(("ann", b"5"), ("ann", b"9"))
    place = place_of(game, b"ann", b"9")
    monkeypatch.setattr(module, "Producer", Slow)

    assert module.main(["void", "ann", place, "--reason", "x"]) == 0
    assert "voided 1 scores of 'ann'; 1 honest ones count again" in capsys.readouterr().out
    assert [seen.value for seen in game.read("scores")] == [b"5", b"9", None, b"5"]


def test_a_removed_user_is_gone_with_the_reason_in_the_log(names, game):
    game.send(("ann", b"5"), ("bob", b"7"))
    with running({**names, "LEADERBOARD_BOARDS": '["all-time", "day"]'}):
        until_true(lambda: len(bests(game, "high_scores")) == 2, 30)
        assert correct("remove", "ann", "--reason", "asked for it").returncode == 0
        until_true(lambda: bests(game, "high_scores") == bests(game, "high_scores_day"), 30)
        until_true(lambda: bests(game, "high_scores") == {b"bob": 7}, 30)
    (tombstone,) = [seen for seen in game.read("scores") if seen.value is None]

    assert tombstone.headers == {"reason": b"asked for it"}
