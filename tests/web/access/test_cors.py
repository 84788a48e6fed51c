"""Which routes the pages of other origins may read."""

import pytest

from web.access import cors

FRIEND, OTHER = "https://a.example", "https://b.example"


@pytest.mark.parametrize("path", sorted({*cors.PATHS, "/boards/day/2026-11-25"}))
def test_an_allowed_origin_may_read_and_another_may_not(path):
    assert cors.allowed(path, [FRIEND], []) == [FRIEND]
    allowed = cors.headers(path, "GET", FRIEND, [FRIEND])
    refused = cors.headers(path, "GET", OTHER, [FRIEND])

    assert allowed["Access-Control-Allow-Origin"] == FRIEND
    assert refused == {"Vary": "Origin"}


@pytest.mark.parametrize("path", ["/", "/newScore", "/metrics", "/static/page.js", "/boardsabc"])
def test_no_other_origin_may_read_the_page_or_post(path):
    assert list(cors.allowed(path, [FRIEND, "*"], [])) == []


def test_an_origin_that_may_post_reads_the_answer_and_may_send_the_token():
    allowed = cors.allowed("/newScore", [], [FRIEND])
    preflight = cors.headers("/newScore", "OPTIONS", FRIEND, allowed)

    assert preflight["Access-Control-Allow-Origin"] == FRIEND
    assert "Authorization" in preflight["Access-Control-Allow-Headers"]
    assert cors.headers("/newScore", "POST", OTHER, allowed) == {"Vary": "Origin"}
    assert list(cors.allowed("/live", [], [FRIEND])) == []


def test_a_star_allows_every_origin_and_a_listed_origin_is_named():
    assert cors.headers("/live", "GET", OTHER, ["*"])["Access-Control-Allow-Origin"] == "*"
    assert cors.headers("/live", "GET", FRIEND, [FRIEND, "*"])["Access-Control-Allow-Origin"] == (
        FRIEND
    )


def test_a_preflight_allows_the_headers_for_resuming_and_polling():
    preflight = cors.headers("/live", "OPTIONS", FRIEND, [FRIEND])

    assert "Last-Event-ID" in preflight["Access-Control-Allow-Headers"]
    assert "ETag" in cors.headers("/top5", "GET", FRIEND, [FRIEND])["Access-Control-Expose-Headers"]


def test_without_the_setting_there_are_no_headers():
    assert cors.headers("/live", "GET", FRIEND, []) == {}
