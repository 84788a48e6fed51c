"""From a score in Kafka to the bytes of an event stream, with every part as its own process."""

import httpx
from httpx_sse import connect_sse

from tests.support import oracle
from tests.support.processes import running
from tests.support.until import until_true
from tests.support.web_process import web

USERS = ["q'u\"o", "<img src=x onerror=alert(1)>", " a  b ", "😀", "l\u2028s", "x" * 1_000]
EXACT = [-1, 2**53 + 1, 2**63 - 1, -(2**63)]


def events(address, path, count):
    with httpx.Client(timeout=10) as client, connect_sse(client, "GET", address + path) as source:
        stream = source.iter_sse()
        return [next(stream) for _ in range(count)]


def test_the_stream_sends_the_bytes_of_the_board_and_scores_stay_exact(names, game):
    with running(names), web(names) as address:
        game.send(*[(user, b"%d" % score) for score, user in enumerate(USERS, 7)])
        game.send(*[(f"exact{score}", b"%d" % score) for score in EXACT])
        game.send(("bad", b"9223372036854775808"), ("bad", b"x"), ("gone", None))
        game.drain()
        last = game.read("top_5")[-1].value or b""
        until_true(lambda: events(address, "/highScores", 1)[0].data == last.decode())
        (board,) = events(address, "/highScores", 1)
        shown = [event.json() for event in events(address, "/events", 10)]

    assert board.data.encode() == last
    assert board.id.endswith(f":{game.read('top_5')[-1].offset}")
    assert {(one["user"], one["score"]) for one in shown} == {
        *[(user, str(score)) for score, user in enumerate(USERS, 7)],
        *[(f"exact{score}", str(score)) for score in EXACT],
    }
    assert [one["time"] for one in shown] == sorted(one["time"] for one in shown)
    oracle.check(game.read)


def test_a_score_that_is_posted_leads_the_board_and_a_tombstone_ends_that(names, game):
    with running(names), web(names) as address:
        posted = httpx.post(
            f"{address}/newScore", json={"user": "ann", "score": "9007199254740993"}
        )
        game.drain()
        leading = events(address, "/highScores", 1)[0].json()["rows"]
        game.send(("ann", None))
        game.drain()
        until_true(lambda: not events(address, "/highScores", 1)[0].json()["rows"])

    assert posted.status_code == 202
    assert [(row["user"], row["score"]) for row in leading] == [("ann", "9007199254740993")]


def test_an_empty_topic_shows_an_empty_board(names, game):
    with running(names), web(names) as address:
        game.drain()
        page = httpx.get(address).text
        (board,) = events(address, "/highScores", 1)

    assert board.json()["rows"] == []
    assert "Top 5" in page
