"""The wire format of server-sent events, checked by a parser of the standard, and board ids."""

import json
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.near import near_text
from web.live import sse

LINES = st.text().map(str.encode)
ONE_LINE = st.text(min_size=1).filter(lambda text: not set(text) & set("\r\n\0"))


def parse(stream: bytes):
    """Parse events as the standard says: https://html.spec.whatwg.org (9.2.6)."""
    text = stream.decode().replace("\r\n", "\n").replace("\r", "\n")
    events: list[dict[str, str]] = []
    fields: dict[str, str] = {}
    for line in text.split("\n"):
        if not line:
            if "data" in fields:
                events.append(fields)
            fields = {key: value for key, value in fields.items() if key == "id"}
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data" and "data" in fields:
            value = fields["data"] + "\n" + value
        if name:
            fields[name] = value
    return events


@given(data=LINES, name=ONE_LINE, event_id=ONE_LINE)
def test_what_is_encoded_is_parsed_back(data, name, event_id):
    (event,) = parse(sse.event(data, name=name, event_id=event_id))

    lines = data.decode().replace("\r\n", "\n").replace("\r", "\n")
    assert event == {"event": name, "id": event_id, "data": lines}


@given(data=st.lists(LINES, max_size=5))
def test_events_in_a_row_stay_apart(data):
    assert len(parse(b"".join(map(sse.event, data)))) == len(data)


def test_an_event_without_a_name_is_a_message():
    assert sse.event(b"{}") == b"data: {}\n\n"


@pytest.mark.parametrize("character", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1e"])
def test_only_the_three_line_ends_of_the_standard_split_data(character):
    data = json.dumps(f"a{character}b", ensure_ascii=False).encode()

    assert sse.event(data) == b"data: %b\n\n" % data


@pytest.mark.parametrize("bad", ["a\nb", "a\rb", "a\0b"])
def test_an_id_or_a_name_of_two_lines_is_refused(bad):
    with pytest.raises(ValueError, match="must be one line"):
        sse.event(b"", event_id=bad)
    with pytest.raises(ValueError, match="must be one line"):
        sse.event(b"", name=bad)


def test_a_heartbeat_is_no_event():
    assert parse(sse.HEARTBEAT) == []


def test_clients_reconnect_at_different_times():
    random = Random(1)
    retries = {sse.retry(1000, 6000, random) for _ in range(100)}

    assert len(retries) > 90
    assert all(1000 <= int(retry[7:]) <= 6000 for retry in retries)


def test_the_last_event_id_is_in_the_header_or_else_in_the_query():
    assert sse.last_event_id("a:1", "b:2") == "a:1"
    assert sse.last_event_id(None, "b:2") == "b:2"
    assert sse.last_event_id("", None) == ""


@given(text=st.text().filter(bool))
def test_an_id_is_decoded_as_browsers_encode_it(text):
    assert sse.last_event_id(text.encode().decode("latin-1"), None) == text


@given(header=st.text() | st.none(), query=st.text() | st.none())
def test_any_id_is_decoded_without_an_error(header, query):
    assert isinstance(sse.last_event_id(header, query), str)


OFFSETS = st.integers(0, 2**63 - 1)


@given(OFFSETS, OFFSETS)
def test_of_one_topic_the_larger_offset_is_newer(one, other):
    assert sse.is_newer(sse.board_id("abc", one), sse.board_id("abc", other)) == (one > other)


@given(OFFSETS, OFFSETS)
def test_of_two_topics_neither_board_is_newer(one, other):
    assert not sse.is_newer(sse.board_id("abc", one), sse.board_id("abd", other))


@pytest.mark.parametrize("bad", ["", ":", "abc", "abc:", "abc:-1", "abc:1e9", "abc:²", "abc:x"])
def test_a_bad_id_is_neither_newer_nor_older(bad):
    assert not sse.is_newer(bad, "abc:0")
    assert not sse.is_newer("abc:0", bad)


SOME_IDS = st.text() | near_text(st.sampled_from([b"abc:12", b"abc:9"]))


@given(SOME_IDS, SOME_IDS)
def test_no_two_ids_are_each_newer_than_the_other(one, other):
    assert not (sse.is_newer(one, other) and sse.is_newer(other, one))
