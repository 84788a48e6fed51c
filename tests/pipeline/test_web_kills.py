"""kill -9 of the web app: no acknowledged score is lost, and no client sees an older board."""

import contextlib

import httpx

from local.claims import ports
from tests.pipeline.test_end_to_end import events
from tests.support import oracle
from tests.support.load import repeated
from tests.support.processes import running
from tests.support.until import until_true
from tests.support.web_process import started


def posting(address, acknowledged):
    """Post scores of users that all differ, and note who was acknowledged."""

    def post():
        number = len(acknowledged)
        with contextlib.suppress(httpx.TransportError):
            score = {"user": f"poster{number}", "score": str(number)}
            answer = httpx.post(f"{address}/newScore", json=score)
            if answer.status_code == 202:
                acknowledged.append(f"poster{number}".encode())

    return repeated(post, 0.01)


def test_a_killed_web_app_loses_no_acknowledged_score_and_shows_no_older_board(names, game):
    (port,) = ports(0)
    address = f"http://127.0.0.1:{port}"
    given = {
        **names,
        "LEADERBOARD_WEB__PORT": str(port),
        "LEADERBOARD_WEB__POSTS_PER_SECOND": "0",
    }
    acknowledged: list[bytes] = []
    boards: list[int] = []
    with running(names), posting(address, acknowledged):
        for _ in range(3):
            with started(given) as web:
                before = len(acknowledged)
                seen = [events(address, "/highScores", 1)[0] for _ in range(2)]
                boards += [int(event.id.rpartition(":")[2]) for event in seen]
                until_true(lambda: len(acknowledged) > before + 20, 30)  # noqa: B023
                web.process.kill()
                web.process.wait()
        game.drain()

    assert boards == sorted(boards)
    assert boards[-1] > boards[0]
    assert {*acknowledged} <= {seen.key for seen in game.read("scores")}
    oracle.check(game.read)
