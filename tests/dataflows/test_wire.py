"""Wire formats: what is written is read again, what is wrong is refused and raises nothing else."""

import contextlib
import re
from typing import Any

import msgspec
import pytest
from confluent_kafka.serialization import DoubleSerializer, IntegerSerializer, StringSerializer
from hypothesis import example, given
from hypothesis import strategies as st

from dataflows.leaderboard import HIGHEST, LOWEST, Board, Row
from dataflows.wire import (
    BadMessage,
    Origin,
    are_users,
    check_user,
    decode_board,
    decode_origin,
    decode_positions,
    encode_board,
    encode_origin,
    encode_positions,
    score_codec,
)
from tests import ROOT
from tests.support import oracle
from tests.support.near import near

FORMATS = ["json", "int32", "int64"]
DOCUMENT = ROOT / "docs" / "formats.md"
TABLE = re.findall(r"^\| `([^`]*)` \| ([^|]*) \|$", DOCUMENT.read_text(), re.MULTILINE)

int64s = st.integers(LOWEST, HIGHEST)
values = st.one_of(
    st.binary(max_size=40),
    int64s.map(lambda score: b"%d" % score),
    st.sampled_from([b"", b"-", b",", b"1,2", b"[1", b"1]", b'{"x":[1', b'1],"score":1}', b"5,6"]),
)


def test_the_table_of_the_documentation_is_there():
    assert len(TABLE) > 25


@pytest.mark.parametrize(("value", "gives"), TABLE)
def test_every_kind_of_value_gives_what_the_documentation_says(value, gives):
    try:
        actual = str(score_codec("json").decode(value.encode()))
    except BadMessage as reason:
        actual = f"refused: {reason}"

    assert actual == gives


SERIALIZED = re.findall(
    r"^\| ([^|]+) \| `([0-9a-f]+)` \| (.+?) \| (.+?) \| (.+?) \| (.+?) \|$",
    DOCUMENT.read_text(),
    re.MULTILINE,
)
SERIALIZERS: dict[str, Any] = {
    "`StringSerializer`": StringSerializer(),
    "`IntegerSerializer`": lambda text: IntegerSerializer()(int(text)),
    "`DoubleSerializer`": lambda text: DoubleSerializer()(float(text)),
}


def given_by(read):
    """Return what the documentation would say of bytes."""
    try:
        return str(read())
    except BadMessage:
        return "refused"


@pytest.mark.parametrize("row", SERIALIZED, ids=[row[0] for row in SERIALIZED])
def test_what_each_serializer_gives_is_what_the_documentation_says(row):
    name, number, user, *scores = (text.replace("**", "") for text in row)
    value = bytes.fromhex(number)
    serializer, _, written = name.partition(", ")

    assert SERIALIZERS.get(serializer, lambda _: value)(written) == value
    assert user.partition(", ")[0] == given_by(lambda: f"user {check_user(value, 99).decode()}")
    assert scores == [given_by(lambda f=form: score_codec(f).decode(value)) for form in FORMATS]


def test_the_table_of_serializers_is_there():
    assert len(SERIALIZED) > 12


@pytest.mark.parametrize("form", FORMATS)
@given(score=int64s)
def test_a_score_is_read_as_it_was_written(form, score):
    bits = 32 if form == "int32" else 64
    score %= 2 ** (bits - 1)

    codec = score_codec(form)

    assert codec.decode(codec.encode(score)) == score
    assert codec.decode(codec.encode(-score)) == -score


@pytest.mark.parametrize("form", FORMATS)
@given(value=st.binary(max_size=100))
@example(value=b"[" * 100_000)
@example(value=b'{"a":' * 50_000)
@example(value=b"9" * 10_000)
@example(value=b'{"score":' + b"9" * 10_000 + b"}")
def test_any_bytes_are_a_score_or_a_bad_message_as_the_oracle_says(form, value):
    try:
        actual = score_codec(form).decode(value)
    except BadMessage:
        actual = None

    assert actual == oracle.score(value, form)


@pytest.mark.parametrize("form", FORMATS)
@given(batch=st.lists(st.one_of(st.none(), values), min_size=1, max_size=12))
@example(batch=[b'{"x":[1', b'1],"score":1}'])
@example(batch=[b'{"x":[1', b'1],"score":1}', b"5,6"])
@example(batch=[b"1", b"", b"2,3"])
@example(batch=[b"\0\0\0", b"\0\0\0\0\0"])
def test_no_value_borrows_from_its_neighbour(form, batch):
    found = score_codec(form).decode_each(batch)
    one_by_one = [None if isinstance(score, BadMessage) else score for score in found]
    at_once = score_codec(form).decode_all(batch)

    assert at_once is None or at_once == one_by_one
    assert one_by_one == [None if value is None else oracle.score(value, form) for value in batch]
    assert [score is None for score in found] == [value is None for value in batch]


@pytest.mark.parametrize("form", FORMATS)
@given(scores=st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1))
def test_plain_scores_are_read_at_once(form, scores):
    codec = score_codec(form)

    assert codec.decode_all(list(map(codec.encode, scores))) == scores


unseen = st.sampled_from("\t\n\r\x7f\x85\xa0\u200b\u200d\u2028\u2060\ufeff")
users = st.lists(st.one_of(unseen, st.characters(exclude_categories=["Cs"])), max_size=6)
keys = st.one_of(
    st.none(), st.binary(max_size=20), users.map(lambda found: "".join(found).encode())
)


@given(keys)
def test_a_key_is_a_user_or_refused(key):
    try:
        user = check_user(key, 16)
    except BadMessage:
        user = None

    assert user == (key if key and len(key) <= 16 and oracle.is_user(key) else None)


@given(st.lists(keys))
@example([b"\xc3", b"\xa4"])  # one character of UTF-8
def test_many_keys_at_once_are_users_only_where_each_is_one(found):
    are_all = all(key and len(key) <= 16 and oracle.is_user(key) for key in found)
    is_plain = all((key or b"").isalnum() and len(key or b"") <= 16 for key in found)

    assert is_plain <= are_users(found, 16) <= are_all


@pytest.mark.parametrize(
    ("user", "reason"),
    [
        ("ann\n", "user with a control character"),
        ("a\tnn", "user with a control character"),
        ("ann\x7f", "user with a control character"),
        ("an\x85n", "user with a control character"),
        ("\ufeffann", "user with an invisible character at an end"),
        ("ann\u200b", "user with an invisible character at an end"),
        ("\u2060", "user with an invisible character at an end"),
        ("", "no user"),
        ("a" * 100, "user too long"),
    ],
)
def test_a_user_that_looks_like_another_is_refused_for_the_documented_reason(user, reason):
    with pytest.raises(BadMessage, match=f"^{reason}$"):
        check_user(user.encode(), 99)

    assert f"`{reason}` |" in DOCUMENT.read_text()


@pytest.mark.parametrize("user", ["a b", " ann", "a\u200bnn", "ന്\u200d", "👨\u200d👩", "a\xa0b"])
def test_a_user_that_is_seen_in_full_is_taken_as_it_is(user):
    assert check_user(user.encode(), 99) == user.encode()


@given(st.text("ab/_-", min_size=1), st.integers(0, 10_000), st.integers(0, HIGHEST))
def test_an_origin_is_read_as_it_was_written(topic_id, partition, offset):
    origin = Origin(topic_id, partition, offset, sources=3)

    assert decode_origin(encode_origin(origin)) == origin


def test_an_origin_need_not_tell_how_many_partitions_have_reached_its_shard():
    assert decode_origin(b"id/3/12") == Origin("id", 3, 12, sources=0)


@given(st.lists(st.integers(0, HIGHEST), min_size=1))
def test_positions_are_read_as_they_were_written(positions):
    assert decode_positions(encode_positions("id", positions)) == ("id", tuple(positions))


@pytest.mark.parametrize("number", [b"1_0", b"+2", b"-2", b" 2", b"\xd9\xa2", b""])
def test_a_number_of_an_origin_or_of_positions_is_digits_alone(number):
    for decode, value in [
        (decode_origin, b"id:3/1/" + number),
        (decode_origin, b"id:3/" + number + b"/1"),
        (decode_positions, b"id:12," + number),
    ]:
        with pytest.raises(BadMessage, match=r"is not|are not"):
            decode(value)


@pytest.mark.parametrize("score", ["1_0", "+2", " 2", "2\n", "", "2.0"])
def test_a_score_of_a_board_is_digits_alone(score):
    row = {"rank": 1, "user": "ann", "score": score, "time": 1}
    board = {"board": "all-time", "players": 1, "updated": 1, "rows": [row]}
    with pytest.raises(BadMessage, match="score"):
        decode_board(msgspec.json.encode(board))


@given(st.binary())
def test_any_bytes_are_an_origin_positions_and_a_board_or_refused(value):
    for decode in (decode_origin, decode_positions, decode_board):
        with pytest.raises(BadMessage):
            decode(value)


rows = st.builds(Row, st.integers(1, 5), st.text(), int64s, st.integers(1, HIGHEST))


boards = st.builds(
    Board,
    st.text(),
    st.integers(0),
    st.integers(0),
    st.lists(rows).map(tuple),
    st.text(),
    st.booleans(),
).map(lambda board: board._replace(final=board.final and board.period != ""))


@given(boards)
def test_a_board_is_read_as_it_was_written_and_its_scores_are_exact(board):
    assert decode_board(encode_board(board)) == board


DEEP = b'{"board":"a","players":1,"updated":1,"rows":[],"x":' + b"[" * 100_000


@pytest.mark.parametrize(
    ("decode", "encode", "encoded"),
    [
        (decode_origin, encode_origin, st.sampled_from([b"id:3/1/20", b"id/0/9"])),
        (decode_positions, lambda found: encode_positions(*found), st.just(b"id:12,5,7")),
        (decode_board, encode_board, boards.map(encode_board) | st.just(DEEP)),
    ],
)
@given(st.data())
def test_what_is_nearly_right_is_read_or_refused(decode, encode, encoded, data):
    value = data.draw(near(encoded))
    with contextlib.suppress(BadMessage):
        found = decode(value)

        assert decode(encode(found)) == found


def test_a_board_with_a_deep_field_is_refused():
    with pytest.raises(BadMessage, match="recursion"):
        decode_board(DEEP)
