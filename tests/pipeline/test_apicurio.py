"""What a stand-in cannot show: the formats of a registry with a real one, Apicurio's."""

from contextlib import closing

import pytest
from confluent_kafka import Message

from conf.loading import load
from dataflows.registry import RegistryDecoder
from tests.support import records
from tests.support.apicurio import apicurio

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]  # it may have to be downloaded


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    with apicurio(tmp_path_factory.mktemp("apicurio") / "log") as url:
        yield url
        records.client(url).close()


def avro(url):
    return records.avro(url, records.avro_record(score="long"), {"score": 120})


def json_schema(url):
    schema = {"$schema": "http://json-schema.org/draft-07/schema#", "type": "object"}
    return records.json_schema(url, schema, {"score": 120})


def protobuf(url):
    return records.protobuf(
        url, "Played.Nested", records.protobuf_file({"score": "long"}), score=120
    )


@pytest.mark.parametrize(
    ("form", "write"),
    [("avro", avro), ("json-schema", json_schema), ("protobuf", protobuf)],
)
def test_a_score_is_read_and_an_unknown_schema_refused(url, monkeypatch, form, write):
    monkeypatch.setenv("LEADERBOARD_TOPICS__SCORES__FORMAT", form)
    monkeypatch.setenv("LEADERBOARD_SCHEMA_REGISTRY__URL", url)
    monkeypatch.setattr(records, "TOPIC", form)  # a subject has schemas of one format
    value = write(url)
    unknown = value[:1] + b"\0\1\2\3" + value[5:]
    negative = value[:1] + b"\xff\xff\xff\xff" + value[5:]
    messages = [Message("scores", 0, 1, b"ann", each) for each in (value, unknown, negative)]

    with closing(RegistryDecoder(load())) as decode:
        found = [str(score) for score in decode(messages)]

    assert found == ["120", "unknown schema", "unknown schema"]
