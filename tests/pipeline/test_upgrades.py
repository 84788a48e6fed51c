"""What earlier versions have written is read by this one.

`tests/fixtures` has the topics of each version; `tests/support/versions.py` says how they were
made, and writes them again.
"""

import contextlib
import itertools

import httpx
import pytest

from tests import ROOT
from tests.support import board_oracle, oracle, versions
from tests.support.processes import open_game, running
from tests.support.until import until_true
from tests.support.web_process import web

FOLDERS = sorted((ROOT / "tests/fixtures").iterdir())
AGAIN = "what was counted before is not written twice"


@pytest.fixture(params=FOLDERS, ids=lambda folder: folder.name)
def version(request):
    return versions.read(request.param)


@pytest.fixture
def names(names, version):
    return {**names, **version.names()}


@pytest.fixture
def game(names, monkeypatch):
    with contextlib.closing(open_game(names, monkeypatch)) as opened:
        yield opened


def test_an_earlier_version_is_continued_where_it_stopped(names, game, version):
    versions.write(game, version, as_its_own=True)
    with running(names) as (highscores, _), web(names) as address:
        check_web(address, game)
        play_on(game, version)
        check_web(address, game)
        oracle.check(game.read)
        post(address)
        board_oracle.drain(game, version.rules())
        said = highscores.said()

    assert AGAIN not in said
    board_oracle.check(game, version.rules())


def test_topics_with_other_ids_are_counted_again_and_end_right(names, game, version):
    """As after a copy: no position and no origin is trusted, whatever is in the tables."""
    versions.write(game, version, as_its_own=False)
    marks = {mark for _, mark in version.positions}
    with running(names) as (highscores, _), web(names) as address:
        until_true(lambda: not marks & {each.metadata for each in game.committed()}, 60)
        board_oracle.drain(game, version.rules())
        again = {user for kind in game.settings.tables for user in news(game, version, kind)}
        play_on(game, version)
        check_web(address, game)
        said = highscores.said()

    assert f"{game.name('scores')} was recreated, or is a copy from another cluster" in said
    assert again <= {seen.key for seen in version.messages["scores"] if seen.value is None}
    board_oracle.check_lasts(game, version.rules())


def play_on(game, version):
    """Send scores that were made after those of a version."""
    game.play(itertools.islice(versions.scores(len(version.messages["scores"])), 40))
    board_oracle.drain(game, version.rules())


def check_web(address, game):
    """Wait until the web app has each board as it is on `top-5`."""
    boards = board_oracle.shown(game.read("top_5"))
    until_true(lambda: {key: shown(address, key) for key in boards} == boards)


def shown(address, key):
    path = "top5" if key == "all-time" else f"boards/{key}"
    return oracle.shown(httpx.get(f"{address}/{path}").content)


def post(address):
    """Post a score that leads all boards, and wait until it does."""
    score = {"user": "newcomer", "score": 10**6}
    assert httpx.post(f"{address}/newScore", json=score).status_code == 202
    until_true(lambda: shown(address, "all-time")["rows"][0]["user"] == "newcomer")


def news(game, version, kind):
    """Return the users of what was written behind the messages of a version."""
    _, ends = version.topics[kind]
    keys = [seen.key for seen in game.read(kind) if seen.offset >= ends[seen.partition]]
    return keys if kind == "high_scores" else [key.partition(b"/")[2] for key in keys]
