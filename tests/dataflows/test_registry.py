"""Scores with a Schema Registry: which are read, which are refused, and what waits for it."""

import json
import time
from typing import Any

import pytest
from confluent_kafka import Message
from confluent_kafka.schema_registry import Schema, SchemaReference, header_schema_id_serializer
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conf.loading import load
from dataflows import registry as registries
from dataflows.leaderboard import HIGHEST, LOWEST
from dataflows.scores import RegistryAway, decoder
from dataflows.wire import SCHEMA
from tests.support import records
from tests.support.near import near
from tests.support.stand_in_registry import stand_in_registry
from tests.support.until import until_true

PATIENT = {"schema_registry__timeout": "20"}  # a busy machine answers late
FORMATS = ["avro", "protobuf", "json-schema"]


@pytest.fixture
def registry():
    with stand_in_registry() as registry:
        yield registry


@pytest.fixture
def read(registry, monkeypatch):
    """Return a function that makes one which reads values in a format."""
    monkeypatch.setenv("LEADERBOARD_SCHEMA_REGISTRY__URL", registry.url)

    def make(form, **given):
        for name, value in {**PATIENT, "topics__scores__format": form, **given}.items():
            monkeypatch.setenv(f"LEADERBOARD_{name.upper()}", value)
        decode = decoder(load())
        return lambda *values, headers=None: [
            score if isinstance(score, int | None) else str(score)
            for score in decode(
                [Message("scores", 0, 1, b"ann", value, headers=headers) for value in values]
            )
        ]

    return make


def write(url: str, form: str, score: Any = 120, kind: str = "long", field: str = "score") -> bytes:
    """Write a record with a score of a type of Avro or Protobuf, by the serializer of a format."""
    if form == "avro":
        return records.avro(
            url,
            records.avro_record(**{field: kind, "game": "string"}),
            {field: score, "game": "chess"},
        )
    if form == "json-schema":
        return records.json_schema(url, {"type": "object"}, {field: score, "game": "chess"})
    file = records.protobuf_file({field: kind, "game": "string"})
    return records.protobuf(url, "Played", file, **{field: score, "game": "chess"})


@pytest.mark.parametrize("form", FORMATS)
def test_a_record_gives_the_integer_in_its_field(registry, read, form):
    scores = [120, -120, 0, 2**53 + 1, HIGHEST, LOWEST]

    assert read(form)(*[write(registry.url, form, score) for score in scores], None) == [
        *scores,
        None,
    ]


@pytest.mark.parametrize("form", FORMATS)
def test_the_field_is_a_setting(registry, read, form):
    points = read(form, topics__scores__field="points")
    of_that_name = write(registry.url, form, 7, field="points")
    (refused,) = points(write(registry.url, form))

    assert points(of_that_name) == [7]
    assert refused.endswith("an integer points")


def test_a_schema_may_be_an_integer_alone(registry, read):
    longs = [records.avro(registry.url, "long", 7), records.avro(registry.url, "int", -7)]

    assert read("avro")(*longs) == [7, -7]
    assert read("json-schema")(records.json_schema(registry.url, {"type": "integer"}, 7)) == [7]


NO_INTEGER = "not an integer or a record with an integer score"
NOT_JSON = "not an integer or an object with an integer score"
BAD = [
    ("avro", "double", 120.0, NO_INTEGER),
    ("avro", "string", "120", NO_INTEGER),
    ("avro", "boolean", True, NO_INTEGER),
    ("avro", ["null", "long"], None, NO_INTEGER),
    ("avro", {"type": "array", "items": "long"}, [120], NO_INTEGER),
    ("avro", {"type": "long", "logicalType": "timestamp-millis"}, 120, NO_INTEGER),
    ("json-schema", "", 120.0, NOT_JSON),
    ("json-schema", "", "120", NOT_JSON),
    ("json-schema", "", True, NOT_JSON),
    ("json-schema", "", None, NOT_JSON),
    ("json-schema", "", HIGHEST + 1, "score beyond int64"),
    ("protobuf", "double", 120.0, NO_INTEGER),
    ("protobuf", "string", "120", NO_INTEGER),
    ("protobuf", "boolean", True, NO_INTEGER),
    ("protobuf", "uint64", HIGHEST + 1, "score beyond int64"),
]


@pytest.mark.parametrize("bad", BAD)
def test_what_is_no_int64_is_refused(registry, read, bad):
    form, kind, score, reason = bad

    assert read(form)(write(registry.url, form, score, kind)) == [reason]


@pytest.mark.parametrize("form", FORMATS)
def test_what_no_serializer_of_the_format_wrote_is_refused(registry, read, form):
    good = write(registry.url, form)
    others = [write(registry.url, other) for other in FORMATS if other != form]
    found = read(form)(*others, b"", b"120", b'{"score":120}', b"\0\0\0\0", good[:6], good)

    assert set(found[:2]) <= {"schema of another format", f"not {form} that fits its schema"}
    assert found[2:5] == ["no schema id"] * 3
    assert [isinstance(each, str) for each in found[5:]] == [True, True, False]


@pytest.mark.parametrize("form", FORMATS)
def test_any_bytes_are_a_score_or_refused(registry, read, form):
    decode = read(form)
    valid = write(registry.url, form)

    @given(near(st.just(valid)) | st.binary(max_size=30).map(valid[:5].__add__))
    @settings(max_examples=60, suppress_health_check=list(HealthCheck))
    def check(value):
        (found,) = decode(value)

        assert isinstance(found, str) or LOWEST <= found <= HIGHEST

    check()


@pytest.mark.parametrize("form", FORMATS)
def test_an_unknown_schema_is_asked_for_once_and_logged(registry, read, form, caplog):
    good = write(registry.url, form)
    unknown = good.replace(b"\0\0\0\1", b"\0\0\0\x63", 1)
    decode = read(form)

    assert decode(unknown, good, unknown) == ["unknown schema", 120, "unknown schema"]
    assert decode(unknown) == ["unknown schema"]
    assert len([path for path in registry.asked if "/ids/99" in path]) == 1
    assert "has no schema 99" in caplog.text


def test_an_unknown_schema_that_is_registered_later_is_found(registry, read, monkeypatch):
    monkeypatch.setattr(registries, "UNKNOWN_SECONDS", 0)
    decode = read("avro")
    unknown = b"\0\0\0\0\1\xf0\1"
    before = decode(unknown)
    records.avro(registry.url, "long", 120)

    assert (before, decode(unknown)) == (["unknown schema"], [120])


@pytest.mark.parametrize("form", FORMATS)
def test_while_the_registry_is_away_known_schemas_are_read_and_others_wait(registry, read, form):
    known = write(registry.url, form)
    new = known.replace(b"\0\0\0\1", b"\0\0\0\2", 1)
    registry.answer("POST", "/subjects/other/versions", registry.schemas[0])
    decode = read(form)
    decode(known)
    registry.stop()

    assert decode(known) == [120]
    for _ in range(2):
        with pytest.raises(RegistryAway, match=registry.url):
            decode(known, new)
    registry.start()
    until_true(lambda: _answers(decode, new))

    assert decode(known, new) == [120, 120]


def _answers(decode, value):
    try:
        return decode(value)
    except RegistryAway:
        return False


AWAY = [
    (500, {"error_code": 50001, "message": "Error in the backend data store"}),
    (401, {"error_code": 401, "message": "Unauthorized"}),
    (403, {"error_code": 403, "message": "Forbidden"}),
    (404, {"error_code": 404, "message": "HTTP 404 Not Found"}),  # another server of Confluent's
    (404, "a page"),
    (200, "a page"),
]


@pytest.mark.parametrize("refusal", AWAY)
def test_no_message_is_refused_because_the_registry_fails(registry, read, refusal):
    value = write(registry.url, "avro")
    decode = read("avro")
    registry.refusal = refusal
    with pytest.raises(RegistryAway):
        decode(value)
    registry.refusal = None
    until_true(lambda: _answers(decode, value))

    assert decode(value) == [120]


def test_a_registry_that_does_not_answer_is_asked_with_growing_pauses(registry, read, caplog):
    value = write(registry.url, "avro")
    decode = read("avro", schema_registry__timeout="0.1")
    registry.open.clear()
    began, asked = time.monotonic(), len(registry.asked)
    while time.monotonic() < began + 2:
        assert not _answers(decode, value)
        time.sleep(0.01)
    registry.open.set()
    until_true(lambda: _answers(decode, value))
    lines = [text for text in caplog.messages if "asking again in" in text]

    assert [line.rpartition(" in ")[2] for line in lines[:3]] == ["0.2 s", "0.4 s", "0.8 s"]
    assert len(registry.asked) - asked < 8


def test_every_message_of_a_protobuf_file_can_have_the_score(registry, read):
    file = records.protobuf_file({"score": "long"})
    names = ["Played", "Played.Nested"]
    values = [records.protobuf(registry.url, name, file, score=7) for name in names]
    other = records.protobuf(registry.url, "Other", file, score="7")

    assert [value[5:-2] for value in values] == [b"\2\2", b"\4\2\2"]  # places in the file
    assert read("protobuf")(*values, other) == [7, 7, NO_INTEGER]
    assert read("protobuf")(values[0].replace(b"\2\2", b"\2\1")) == [
        "not protobuf that fits its schema"
    ]


def test_a_missing_field_of_protobuf_is_0_only_where_nothing_tells_it_from_0(registry, read):
    files = [records.protobuf_file({"score": "long"}, syntax=each) for each in ("proto3", "proto2")]
    values = [records.protobuf(registry.url, "Played", file) for file in files]

    assert read("protobuf")(*values) == [0, NO_INTEGER]


def test_a_schema_may_refer_to_others(registry, read):
    client = records.client(registry.url)
    game = {"type": "record", "name": "game.Game", "fields": [{"name": "name", "type": "string"}]}
    client.register_schema("game", Schema(json.dumps(game), "AVRO"))
    reference = SchemaReference("game.Game", "game", 1)
    schema = records.avro_record(game="game.Game", score="long")
    played = Schema(json.dumps(schema), "AVRO", [reference])
    serializer = AvroSerializer(client, played)
    value = serializer(
        {"game": {"name": "chess"}, "score": 7},
        SerializationContext("scores", MessageField.VALUE),
    )

    assert read("avro")(value) == [7]


def test_a_protobuf_file_may_import_others_and_those_of_google(registry, read):
    shared = records.protobuf_file({"score": "long"})
    shared.name = "shared.proto"
    file = records.protobuf_file({"score": "long", "game": "string"})
    file.package = "other"
    file.dependency.extend(["shared.proto", "google/protobuf/timestamp.proto"])
    played = file.message_type[1]
    played.field.add(name="last", number=3, type=11, label=1, type_name=".game.Played")
    played.field.add(name="at", number=4, type=11, label=1, type_name=".google.protobuf.Timestamp")
    value = records.protobuf(registry.url, "Played", shared, file, score=7)

    assert read("protobuf")(value) == [7]


def test_the_registry_makes_a_descriptor_of_a_schema_that_was_registered_as_text(registry, read):
    value = write(registry.url, "protobuf")
    (schema,) = registry.schemas
    schema["serialized"], schema["schema"] = schema["schema"], 'syntax = "proto3"; // and so on'

    assert read("protobuf")(value) == [120]


def test_a_schema_that_is_no_descriptor_refuses_nothing(registry, read):
    registry.answer(
        "POST",
        "/subjects/s/versions",
        {
            "schema": 'syntax = "proto3"; message Played { int64 score = 1; }',
            "schemaType": "PROTOBUF",
        },
    )

    with pytest.raises(RegistryAway, match="format=serialized"):
        read("protobuf")(b"\0\0\0\0\1\0\x08\x78")


def test_the_schema_may_be_named_in_a_header(registry, read):
    headers: Any = []
    schema = json.dumps(records.avro_record(score="long"))
    serializer = AvroSerializer(
        records.client(registry.url),
        schema,
        conf={"schema.id.serializer": header_schema_id_serializer},
    )
    context = SerializationContext("scores", MessageField.VALUE, headers)
    value = serializer({"score": 7}, context)

    assert [name for name, _ in headers] == [SCHEMA]
    assert read("avro")(value, headers=headers) == [7]


def test_the_registry_gets_the_user_and_the_password_of_the_settings(registry, read):
    value = write(registry.url, "avro")
    decode = read("avro", schema_registry__basic_auth_user_info="ann:geheim")

    assert decode(value) == [120]
    assert registry.authorization == "Basic YW5uOmdlaGVpbQ=="


def test_a_field_of_json_is_a_setting_too(read):
    decode = read("json", topics__scores__field="points")

    assert decode(b'{"points":7,"score":8}', b"9", b'{"score":8}') == [
        7,
        9,
        "not an integer or an object with an integer points",
    ]
