"""Which hosts are served, and which requests may post."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.near import near_text
from web.access.origin import (
    Target,
    has_token,
    is_from_another_origin,
    is_served,
    served_hosts,
)

HERE = "scores.example:8000"
UTF_8 = "Bearer sésame".encode().decode("latin-1")  # as headers arrive

OWN = [
    ("the page itself", "same-origin", f"https://{HERE}"),
    ("an address typed in", "none", None),
    ("an older browser on the page itself", None, f"http://{HERE}"),
    ("a program", None, None),
]

OTHER = [
    ("another site", "cross-site", "https://evil.example"),
    ("a sister site", "same-site", "https://evil.scores.example"),
    ("an older browser on another site", None, "https://evil.example"),
    ("another port", None, "http://scores.example:8001"),
    ("a sandboxed frame", None, "null"),
    ("an Origin that is no URL", None, "http://["),
    ("another site that hides its origin", "cross-site", None),
]


@pytest.mark.parametrize(("site", "origin"), [row[1:] for row in OWN], ids=[it[0] for it in OWN])
def test_a_post_is_accepted_from(site, origin):
    assert not is_from_another_origin(site, origin, Target([HERE]))


@pytest.mark.parametrize(
    ("site", "origin"), [row[1:] for row in OTHER], ids=[it[0] for it in OTHER]
)
def test_a_post_is_refused_from(site, origin):
    assert is_from_another_origin(site, origin, Target([HERE]))


@pytest.mark.parametrize("origin", ["http://scores.example", "https://scores.example"])
@pytest.mark.parametrize("host", ["scores.example", "Scores.example.:80", "scores.example:443"])
def test_a_default_port_is_the_same_as_none(origin, host):
    assert not is_from_another_origin(None, origin, Target([host]))


@pytest.mark.parametrize("host", ["scores.example", "scores.example:80", "scores.example:9000"])
def test_behind_a_proxy_the_port_of_the_host_does_not_count(host):
    own = Target([host], is_proxied=True)

    assert not is_from_another_origin(None, "http://scores.example:8080", own)
    assert is_from_another_origin(None, "http://evil.example:8080", own)


def test_where_a_proxy_hides_the_host_the_cookie_of_the_page_tells():
    hidden = Target(["127.0.0.1:8000"], is_proxied=True)

    assert is_from_another_origin(None, "http://scores.example", hidden)
    assert not is_from_another_origin(
        None, "http://scores.example", hidden._replace(has_cookie=True)
    )
    assert is_from_another_origin(
        "cross-site", "http://evil.example", hidden._replace(has_cookie=True)
    )


@pytest.mark.parametrize(
    ("authorization", "posted"),
    [
        (UTF_8, None),
        ("Bearer s\xe9same", None),
        ("bearer  s\xe9same", "x"),
        (None, "sésame"),
    ],
)
def test_the_token_is_in_a_header_or_in_the_body(authorization, posted):
    assert has_token("sésame", authorization, posted)


@pytest.mark.parametrize(
    ("authorization", "posted"),
    [
        (None, None),
        ("Bearer", None),
        ("Bearer other", "sésame"),
        ("Bearer s?same", None),
        ("Basic sésame", None),
        (None, ""),
        (None, "\ud800"),
    ],
)
def test_a_wrong_token_is_no_token(authorization, posted):
    assert not has_token("sésame", authorization, posted)


@pytest.mark.parametrize(("authorization", "posted"), [("Bearer ??", None), (None, "??")])
def test_question_marks_are_no_token_of_other_letters(authorization, posted):
    assert not has_token("\u65e5\u672c", authorization, posted)


def test_without_the_setting_no_token_is_needed():
    assert has_token("", None, None)
    assert has_token("", "Bearer any", "any")
    assert has_token("", None, "\ud800")


def test_an_app_that_only_this_machine_can_reach_serves_this_machines_names():
    assert served_hosts("127.0.0.1", (), 0) == served_hosts("::1", (), 0) == {"localhost"}
    assert served_hosts("localhost", (), 0) == {"localhost"}


def test_an_app_that_others_reach_serves_any_name_until_its_names_are_set():
    assert served_hosts("0.0.0.0", (), 0) is served_hosts("scores.example", (), 0) is None  # noqa: S104
    assert served_hosts("127.0.0.1", (), 1) is None
    assert served_hosts("0.0.0.0", ("Scores.example",), 1) == {"scores.example"}  # noqa: S104


@pytest.mark.parametrize("host", [HERE, "SCORES.example.", "10.0.0.1:8000", "[::1]", ""])
def test_a_host_is_served(host):
    assert is_served(host, {"scores.example"})


@pytest.mark.parametrize("host", ["evil.example", "scores.example@evil.example", "[", "a:b:c"])
def test_a_host_is_not_served(host):
    assert not is_served(host, {"scores.example"})


headers = near_text(st.sampled_from([b"", b"https://a.example:1", b"[::1]:80", b"Bearer x"]))


@given(site=st.none() | headers, origin=st.none() | headers, host=st.none() | headers)
@example(site=None, origin="http://a\u2100b", host=HERE)
def test_no_headers_raise_an_error(site, origin, host):
    is_from_another_origin(site, origin, Target([host or ""]))
    has_token("x", site, origin)
    is_served(host or "", {"a.example"})
