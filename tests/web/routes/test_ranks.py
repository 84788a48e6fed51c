"""The routes of ranks, with the rankings put in by hand."""

import json
import re
import time
from urllib.parse import quote

import pytest

from conf.loading import load
from dataflows.leaderboard import rank_keys
from tests.support.brokerless import brokerless
from tests.support.openapi import check_response
from web.ranks.rankings import Change

NAMES = (
    "ann",
    "a/b",
    "/",
    "//x",
    "ann/users/bob",
    "..",
    "%2F",
    "?#&",
    "ед",
    "👩‍🚀",
    "é",
    "café ☕",
)
PLAYER, PAGE = "/boards/{board}/users/{user}", "/boards/{board}"


def make_app(boards=("all-time",), **web):
    settings = load()
    given = {"boards": boards, "web": settings.web.model_copy(update=web)}
    return brokerless(settings.model_copy(update=given))


def fill(app, *changes):
    """Put in users with scores and times, and note that everything is read."""
    rankings = app.extensions["leaderboard"].rankings
    rankings.apply(
        [
            Change(board, period, user.encode(), rank_keys([score], [time])[0])
            for board, period, user, score, time in changes
        ],
        {"all-time": "AbC:7,8"},
    )
    rankings.not_ready = ""
    return rankings


def all_time(*users):
    return [("all-time", "", user, 100 - place, 5) for place, user in enumerate(users)]


async def get(app, path, described="", status=200):
    answer = await app.test_client().get(path)
    if described:
        await check_response(answer, described)
    assert answer.status_code == status
    return json.loads(await answer.get_data())


async def test_a_user_is_shown_with_the_neighbours_and_the_next_better():
    app = make_app()
    fill(app, *all_time("ann", "bob", "cy", "di"))
    found = await get(app, "/boards/all-time/users/bob?around=1", PLAYER)
    first = await get(app, "/boards/all-time/users/ann?around=0", PLAYER)

    rows = [
        {"rank": rank, "user": user, "score": str(101 - rank), "time": 5}
        for rank, user in enumerate(("ann", "bob", "cy"), 1)
    ]
    assert found == {
        "board": "all-time",
        "players": 4,
        "rank": 2,
        "user": "bob",
        "score": "99",
        "time": 5,
        "around": rows,
        "next": {"rank": 1, "user": "ann", "score": "100"},
    }
    assert (first["around"], first["next"]) == (rows[:1], None)


@pytest.mark.parametrize("around", [0, 1, 2])
@pytest.mark.parametrize("rank", [1, 2, 3, 9])
async def test_the_next_better_and_the_user_are_right_at_any_distance(rank, around):
    app = make_app()
    fill(app, *all_time(*"abcdefghi"))
    user = "abcdefghi"[rank - 1]
    found = await get(app, f"/boards/all-time/users/{user}?around={around}", PLAYER)

    assert (found["rank"], found["user"]) == (rank, user)
    assert found["next"] == (None if rank == 1 else found["next"] | {"rank": rank - 1})
    assert user in [row["user"] for row in found["around"]]


@pytest.mark.parametrize("name", NAMES)
async def test_names_of_every_script_work_in_a_path(name):
    app = make_app()
    fill(app, *all_time("first", *NAMES))
    found = await get(app, f"/boards/all-time/users/{quote(name, safe='')}", PLAYER)

    assert found["user"] == name
    assert found["rank"] == NAMES.index(name) + 2


@pytest.mark.parametrize("name", [" e\u0301", "\ufeffé", "é\u200b", " \u2060é\u2003"])
async def test_a_name_is_found_as_the_form_would_have_written_it(name):
    app = make_app()
    fill(app, *all_time("é"))

    assert (await get(app, f"/boards/all-time/users/{quote(name)}"))["user"] == "é"


async def test_a_page_has_these_ranks_and_none_after_the_last():
    app = make_app()
    fill(app, *all_time(*"abcdefg"))
    page = await get(app, "/boards/all-time?from=3&count=2", PAGE)
    past = await get(app, "/boards/all-time?from=8", PAGE)

    assert [(row["rank"], row["user"]) for row in page["rows"]] == [(3, "c"), (4, "d")]
    assert (page["from"], page["players"], page["updated"]) == (3, 7, 5)
    assert (past["rows"], past["updated"]) == ([], 0)


async def test_friends_come_by_rank_and_those_without_a_score_are_left_out():
    app = make_app()
    fill(app, *all_time(*"abc"))
    client = app.test_client()
    answer = await client.post("/boards/all-time/users", json={"users": ["c", "zoe", "a", "c"]})
    await check_response(answer, "/boards/{board}/users", "post")
    rows = json.loads(await answer.get_data())["rows"]

    assert [(row["rank"], row["user"]) for row in rows] == [(1, "a"), (3, "c")]
    assert answer.headers["Table-Positions"] == "AbC:7,8"
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (json.dumps({"users": ["x"] * 1_000}), 200),
        (json.dumps({"users": ["x"] * 1_001}), 400),
        ('{"users": [7]}', 400),
        ("[]", 400),
        ("nonsense", 400),
        (b"\xff", 400),
        (json.dumps({"users": ["x" * 300_000]}), 413),
    ],
)
async def test_a_list_of_users_that_is_too_long_or_none_is_refused(body, status):
    app = make_app()
    fill(app)
    answer = await app.test_client().post("/boards/all-time/users", data=body)

    assert answer.status_code == status


async def test_a_list_of_names_that_are_marks_alone_is_answered_at_once():
    app = make_app()
    fill(app)
    body = json.dumps({"users": ["a" + "\u0301\u0327" * 65_000]}, ensure_ascii=False).encode()
    began = time.thread_time()
    answer = await app.test_client().post("/boards/all-time/users", data=body)

    assert len(body) > 250_000
    assert await answer.get_json() == {"rows": []}
    assert time.thread_time() - began < 0.5  # 0.03; it was 10


@pytest.mark.parametrize(
    "path",
    [
        "users/ann?around=51",
        "users/ann?around=-1",
        "users/ann?around=two",
        "users/ann?around=",
        "users/ann?around=%C2%B2",
        "?from=0",
        "?from=99999999999999999999999",
        "?count=501",
    ],
)
async def test_a_number_beyond_its_limits_is_refused(path):
    app = make_app()
    fill(app, *all_time("ann"))

    await get(app, f"/boards/all-time/{path}".replace("/?", "?"), status=400)


async def test_a_404_says_whether_the_board_the_period_or_the_user_is_unknown():
    app = make_app(("all-time", "day"))
    fill(app, *all_time("ann"))
    paths = (
        "year/users/ann",
        "day/2001-01-01/users/ann",
        "all-time/users/bob",
        "day/x/users/a",
        "all-time/2026-11-26/users/ann",
    )
    errors = [(await get(app, f"/boards/{path}", status=404))["error"] for path in paths]

    assert errors[0] == "there is no board year: the boards are all-time, day"
    assert errors[1].endswith("day/2001-01-01: only the current and the last period have ranks")
    assert errors[2] == "bob has no score on all-time"
    assert "no ranks of day/x" in errors[3]
    assert errors[4].endswith("no ranks of all-time/2026-11-26: that board has no periods")


async def test_a_404_says_that_ranks_are_not_read_yet_or_not_kept():
    app = make_app()
    early = await app.test_client().get("/boards/all-time/users/ann")
    await check_response(early, PLAYER)
    off = await make_app(ranks=False).test_client().get("/boards/all-time/users/ann")

    assert "not read yet" in (await early.get_json())["error"]
    assert early.headers["Retry-After"] == "1"
    assert "web.ranks is false" in (await off.get_json())["error"]
    assert "Retry-After" not in off.headers


async def test_a_board_by_period_has_ranks_of_the_current_period_and_the_last():
    app = make_app(("all-time", "day"))
    rankings = fill(app)
    calendar = rankings._calendar  # noqa: SLF001 - the days of this moment
    today = rankings.current("day")
    yesterday = calendar.before(calendar.find("day", today)).name
    fill(app, ("day", today, "ann", 1, 5), ("day", yesterday, "bob", 2, 5))
    now = await get(app, "/boards/day/users/ann", PLAYER)
    before = await get(
        app, f"/boards/day/{yesterday}/users/bob", "/boards/{board}/{period}/users/{user}"
    )
    page = await get(app, f"/boards/day/{yesterday}?from=1", "/boards/{board}/{period}")

    assert (now["period"], now["rank"], now["players"]) == (today, 1, 1)
    assert (before["period"], before["rank"]) == (yesterday, 1)
    assert page["rows"] == before["around"]


async def test_pages_of_listed_origins_may_read_ranks_and_ask_for_friends():
    app = make_app(cors_origins=("https://a.example",))
    fill(app, *all_time("ann"))
    client, friend = app.test_client(), {"Origin": "https://a.example"}
    read = await client.get("/boards/all-time/users/ann", headers=friend)
    preflight = await client.options("/boards/all-time/users", headers=friend)

    assert read.headers["Access-Control-Allow-Origin"] == "https://a.example"
    assert "Table-Positions" in read.headers["Access-Control-Expose-Headers"]
    assert "Content-Type" in preflight.headers["Access-Control-Allow-Headers"]


async def test_periods_that_are_older_than_the_last_are_dropped():
    app = make_app(("all-time", "day"))
    rankings = fill(app, *all_time("ann"))
    today = rankings.current("day")
    fill(app, ("day", today, "ann", 1, 5))
    day_ms = 24 * 3600 * 1000
    now = rankings._now()  # noqa: SLF001
    for days, kept in [(0, True), (1, True), (2, False)]:
        rankings._now = lambda days=days: now + days * day_ms  # noqa: SLF001
        for _ in rankings.drop_old():
            pass

        assert (("day", today) in rankings.sizes()) == kept
    assert rankings.sizes() == {("all-time", ""): 1}


async def test_each_request_for_ranks_is_counted_by_what_came_of_it():
    app = make_app()
    client = app.test_client()
    await client.get("/boards/all-time/users/ann")
    fill(app, *all_time("ann"))
    for path in ("/boards/all-time/users/ann", "/boards/all-time/users/bob", "/?user=ann"):
        await client.get(path)
    text = app.extensions["leaderboard"].metrics.text().decode()

    counted = re.findall(
        r'^leaderboard_web_rank_requests_total{outcome="(.+)"} (.+)$', text, re.MULTILINE
    )
    assert dict(counted) == {"not_ready": "1.0", "found": "2.0", "unknown": "1.0"}
