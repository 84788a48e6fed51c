"""Who may post."""

import contextlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.near import near_text
from web.access.origin import check_origin, check_token, hosts, is_served
from web.posting.submission import BadSubmission

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
    ("what is no origin", None, "http://["),
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
    check_token("", "Bearer any", "any")


def test_who_listens_for_this_machine_alone_answers_for_its_own_names():
    assert hosts("127.0.0.1", (), 0) == hosts("::1", (), 0) == hosts("localhost", (), 0)
    assert hosts("localhost", (), 0) == {"localhost"}


def test_who_listens_for_others_or_behind_a_proxy_answers_for_any_name_until_it_is_told_its_own():
    assert hosts("0.0.0.0", (), 0) is hosts("scores.example", (), 0) is None  # noqa: S104
    assert hosts("127.0.0.1", (), 1) is None
    assert hosts("0.0.0.0", ("Scores.example",), 1) == {"scores.example"}  # noqa: S104


@pytest.mark.parametrize("host", [HERE, "SCORES.example.", "10.0.0.1:8000", "[::1]", ""])
def test_a_host_is_answered_for(host):
    assert is_served(host, {"scores.example"})


@pytest.mark.parametrize("host", ["evil.example", "scores.example@evil.example", "[", "a:b:c"])
def test_a_host_is_not_answered_for(host):
    assert not is_served(host, {"scores.example"})


headers = near_text(st.sampled_from([b"", b"https://a.example:1", b"[::1]:80", b"Bearer x"]))


@given(site=st.none() | headers, origin=st.none() | headers, host=st.none() | headers)
@example(site=None, origin="http://a\u2100b", host=HERE)
def test_any_headers_let_in_or_are_refused(site, origin, host):
    for check in (lambda: check_origin(site, origin, host), lambda: check_token("x", site, origin)):
        with contextlib.suppress(BadSubmission):
            check()

    assert is_served(host or "", {"a.example"}) in {True, False}
