"""Which posts are accepted: the parser refuses bad ones and never crashes."""

import unicodedata
from json import dumps
from urllib.parse import quote_plus, urlencode

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import oracle
from tests.support.near import near, near_text
from web.posting.submission import (
    FORM,
    JSON,
    Refused,
    Rules,
    parse,
    preferred_wait_seconds,
)

RULES = Rules(20, "json")
SCORES = st.integers(-(2**63), 2**63 - 1)
USERS = st.text(min_size=1).filter(
    lambda user: is_taken_as_it_is(user) and len(user.encode()) <= 20
)


def is_taken_as_it_is(user):
    return oracle.is_user(user.encode()) and user == unicodedata.normalize("NFC", user).strip()


def json(**fields):
    return msgspec.json.encode(fields)


@given(user=USERS, score=SCORES)
def test_a_form_a_number_and_a_string_of_digits_become_the_same_message(user, score):
    bodies = [
        (FORM, urlencode({"user": user, "score": score}).encode()),
        (JSON, json(user=user, score=score)),
        (f"{JSON}; charset=utf-8", json(user=user, score=str(score))),
    ]
    messages = {parse(kind, body, RULES)[:2] for kind, body in bodies}

    assert messages == {(user.encode(), b"%d" % score)}


def test_the_value_has_the_format_of_the_topic():
    body = b"user=ann&score=258"

    assert parse(FORM, body, Rules(20, "int32")).value == b"\0\0\1\2"
    assert parse(FORM, body, Rules(20, "int64")).value == b"\0\0\0\0\0\0\1\2"


BAD = [
    ("no content type", "", b"user=ann&score=1", 415, "body"),
    ("text", "text/plain", b"user=ann&score=1", 415, "body"),
    ("multipart", "multipart/form-data; boundary=x", b"", 415, "body"),
    ("a form that is not ASCII", FORM, "user=é&score=1".encode(), 400, "body"),
    ("a form that is not UTF-8", FORM, b"user=%ff&score=1", 400, "body"),
    ("a form of many fields", FORM, b"&".join([b"a=1"] * 11), 400, "body"),
    ("invalid JSON", JSON, b"{", 400, "body"),
    ("JSON that is not UTF-8", JSON, b'{"user":"\xff","score":1}', 400, "body"),
    ("JSON with half a character", JSON, b'{"user":"\\ud800","score":1}', 400, "body"),
    ("deep JSON", JSON, b"[" * 1100, 400, "body"),
    ("a list", JSON, b'["ann",1]', 400, "body"),
    ("too long", FORM, b"user=" + b"a" * 2000, 413, "body"),
    ("no user", FORM, b"score=1", 422, "user"),
    ("an empty user", FORM, b"user=&score=1", 422, "user"),
    ("a user of white space", FORM, b"user=+%09%EF%BB%BF&score=1", 422, "user"),
    ("a user with a control character", JSON, b'{"user":"a\\u0000b","score":1}', 422, "user"),
    ("a long user", FORM, b"user=" + b"a" * 21 + b"&score=1", 422, "user"),
    (
        "a user of long characters",
        FORM,
        f"user={quote_plus('é' * 11)}&score=1".encode(),
        422,
        "user",
    ),
    ("a user that is a number", JSON, b'{"user":7,"score":1}', 422, "user"),
    ("no score", FORM, b"user=ann", 422, "score"),
    ("an empty score", FORM, b"user=ann&score=", 422, "score"),
    ("a score of spaces", FORM, b"user=ann&score=++", 422, "score"),
    ("a word", FORM, b"user=ann&score=ten", 422, "score"),
    ("a fraction", FORM, b"user=ann&score=1.0", 422, "score"),
    ("an exponent", FORM, b"user=ann&score=1e2", 422, "score"),
    ("digits of another script", FORM, f"user=ann&score={quote_plus('١٢')}".encode(), 422, "score"),
    ("a fraction in JSON", JSON, b'{"user":"ann","score":1.0}', 422, "score"),
    ("a boolean", JSON, b'{"user":"ann","score":true}', 422, "score"),
    ("a null", JSON, b'{"user":"ann","score":null}', 422, "score"),
    ("an object", JSON, b'{"user":"ann","score":{}}', 422, "score"),
    ("beyond int64", FORM, b"user=ann&score=9223372036854775808", 422, "score"),
    ("below int64", JSON, b'{"user":"ann","score":-9223372036854775809}', 422, "score"),
    ("far beyond", FORM, b"user=ann&score=" + b"9" * 500, 422, "score"),
]


@pytest.mark.parametrize(
    ("kind", "body", "status", "field"), [row[1:] for row in BAD], ids=[row[0] for row in BAD]
)
def test_a_bad_body_is_refused_and_its_field_named(kind, body, status, field):
    with pytest.raises(Refused) as raised:
        parse(kind, body, RULES)

    assert (raised.value.status, raised.value.field) == (status, field)
    assert field in str(raised.value) or field == "body"


def test_int32_has_limits_of_its_own():
    rules = Rules(20, "int32")

    assert parse(FORM, b"user=ann&score=-2147483648", rules).value == b"\x80\0\0\0"
    with pytest.raises(Refused, match="score must be from -2147483648 to 2147483647"):
        parse(FORM, b"user=ann&score=2147483648", rules)


def test_a_form_may_have_spaces_and_a_sign_around_its_score():
    assert parse(FORM, b"user=ann&score=+%2B007+", RULES).value == b"7"


@pytest.mark.parametrize(
    "user", [" ann ", "ann\n", "\ufeffann", "\u2003ann\u200b\x85", "\t\u2060 ann", "\u3000ann"]
)
def test_white_space_and_invisible_characters_around_a_user_are_removed(user):
    assert parse(JSON, json(user=user, score=1), RULES).key == b"ann"
    assert parse(FORM, urlencode({"user": user, "score": 1}).encode(), RULES).key == b"ann"


def test_a_user_is_one_however_it_was_typed():
    composed, decomposed = "José", "Jose\u0301"

    assert parse(JSON, json(user=decomposed, score=1), RULES).key == composed.encode()


def test_the_longest_user_fits_the_longest_body_however_it_is_written():
    user = "".join(f"\\u{ord('a'):04x}" for _ in range(20))

    assert parse(JSON, f'{{"user":"{user}","score":1}}'.encode(), RULES).key == b"a" * 20


def status(kind, body, rules=RULES):
    """Return 202, or the status with which a body is refused."""
    try:
        parse(kind, body, rules)
    except Refused as refused:
        return refused.status
    return 202


@given(kind=st.sampled_from([FORM, JSON, "", "text/plain"]) | st.text(), body=st.binary())
def test_any_body_is_parsed_or_refused(kind, body):
    assert status(kind, body) in {202, 400, 413, 415, 422}


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(user=JSONS, score=JSONS)
def test_any_json_is_parsed_or_refused(user, score):
    body = dumps({"user": user, "score": score}).encode()

    assert status(JSON, body) in {202, 400, 413, 422}


BODIES = [
    (FORM, b"user=a%20b%C3%A9&score=%2B12&token=x&wait=2"),
    (JSON, b'{"user": "a\\u00e9", "score": "12", "token": "x", "wait": 2}'),
]


@pytest.mark.parametrize(("kind", "body"), BODIES, ids=["form", "json"])
@given(st.data())
def test_a_body_that_is_nearly_right_is_parsed_or_refused(kind, body, data):
    wide = Rules(4096, "json")

    assert status(kind, data.draw(near(st.just(body))), wide) in {202, 400, 422}


@pytest.mark.parametrize(
    ("lines", "seconds"),
    [
        ([], 0),
        (["wait=2"], 2),
        (["respond-async, wait=10"], 10),
        (["respond-async", "WAIT = 5"], 5),
        (['return=minimal; foo="some parameter", wait="3"'], 3),
        (['foo="a, wait=9", wait=1; x=2'], 1),
        (["wait=1", "wait=2"], 1),
        (["wait"], 0),
        (["wait=soon"], 0),
        (["wait=-1"], 0),
        (["wait=1.5"], 0),
        (["wait=²"], 0),
        (["wait=" + "9" * 5_000], 0),
        (["waiting=2"], 0),
    ],
)
def test_the_first_preference_wait_counts_if_it_is_a_number(lines, seconds):
    assert preferred_wait_seconds(lines) == seconds


PREFER = near_text(st.sampled_from([b'a; b="c, d", wait="10"', b"wait=2, respond-async"]))


@given(st.lists(st.text() | PREFER))
def test_any_header_prefer_is_read(lines):
    assert preferred_wait_seconds(lines) >= 0
