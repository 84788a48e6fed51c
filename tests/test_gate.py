"""Who may post."""

import pytest

from web.gate import check_origin, check_token
from web.submission import BadSubmission

HERE = "scores.example:8000"

LET_IN = [
    ("the page itself", "same-origin", f"https://{HERE}"),
    ("an address typed in", "none", None),
    ("an older browser on the page itself", None, f"http://{HERE}"),
    ("a program", None, None),
]

REFUSED = [
    ("another site", "cross-site", "https://evil.example"),
    ("a sister site", "same-site", "https://evil.scores.example"),
    ("an older browser on another site", None, "https://evil.example"),
    ("another port", None, "http://scores.example:8001"),
    ("a sandboxed frame", None, "null"),
    ("another site that hides its origin", "cross-site", None),
]


@pytest.mark.parametrize(
    ("site", "origin"), [row[1:] for row in LET_IN], ids=[it[0] for it in LET_IN]
)
def test_a_post_is_let_in_from(site, origin):
    check_origin(site, origin, HERE)


@pytest.mark.parametrize(
    ("site", "origin"), [row[1:] for row in REFUSED], ids=[it[0] for it in REFUSED]
)
def test_a_post_is_refused_from(site, origin):
    with pytest.raises(BadSubmission) as raised:
        check_origin(site, origin, HERE)

    assert raised.value.status == 403


@pytest.mark.parametrize(
    ("authorization", "posted"),
    [("Bearer sésame", None), ("bearer  sésame", "x"), (None, "sésame")],
)
def test_the_token_stands_in_a_header_or_in_the_body(authorization, posted):
    check_token("sésame", authorization, posted)


@pytest.mark.parametrize(
    ("authorization", "posted"),
    [
        (None, None),
        ("Bearer", None),
        ("Bearer other", "sésame"),
        ("Basic sésame", None),
        (None, ""),
    ],
)
def test_without_the_token_nothing_is_let_in(authorization, posted):
    with pytest.raises(BadSubmission) as raised:
        check_token("sésame", authorization, posted)

    assert raised.value.status == 401


def test_without_a_setting_no_token_is_asked_for():
    check_token("", None, None)
