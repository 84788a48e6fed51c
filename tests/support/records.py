"""Records as a producer writes them: by confluent-kafka's own serializers, with any registry."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import timestamp_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

TOPIC = "scores"
# The types of fields in a descriptor.
TYPES = {"long": 3, "uint64": 4, "int": 5, "boolean": 8, "string": 9, "double": 1}

_TIMESTAMP = FileDescriptorProto()
timestamp_pb2.DESCRIPTOR.CopyToProto(_TIMESTAMP)


@cache
def client(url: str) -> SchemaRegistryClient:
    """Return the client of a registry: each loads all certificates of the system."""
    return SchemaRegistryClient({"url": url})


def avro(url: str, schema: Any, record: Any, **properties: Any) -> bytes:
    """Write a record of an Avro schema, which is registered first."""
    serializer = AvroSerializer(client(url), json.dumps(schema), conf=properties)
    return serializer(record, SerializationContext(TOPIC, MessageField.VALUE)) or b""


def avro_record(**types: Any) -> dict[str, Any]:
    """Return the Avro schema of a record with fields of these types."""
    fields = [{"name": name, "type": each} for name, each in types.items()]
    return {"type": "record", "name": "Played", "namespace": "game", "fields": fields}


def json_schema(url: str, schema: Any, record: Any) -> bytes:
    """Write a record of a JSON Schema."""
    serializer = JSONSerializer(json.dumps({"title": "Played", **schema}), client(url))
    return serializer(record, SerializationContext(TOPIC, MessageField.VALUE)) or b""


def protobuf_file(fields: Mapping[str, str], *, syntax: str = "proto3") -> FileDescriptorProto:
    """Return a file of `Other`, of `Played` with these fields, and of `Played.Nested` with them."""
    file = FileDescriptorProto(name=f"{'_'.join(fields)}_{syntax}.proto", syntax=syntax)
    file.package = "game"
    file.message_type.add(name="Other").field.add(name="score", number=1, type=9, label=1)
    played = file.message_type.add(name="Played")
    _add_fields(played, fields)
    played.nested_type.add(name="Empty")
    _add_fields(played.nested_type.add(name="Nested"), fields)
    return file


def _add_fields(message: Any, fields: Mapping[str, str]) -> None:
    for number, (name, kind) in enumerate(fields.items(), 1):
        message.field.add(name=name, number=number, type=TYPES[kind], label=1)


def protobuf(url: str, name: str, *files: FileDescriptorProto, **record: Any) -> bytes:
    """Write a record of a message, whose file is the last one and may import the others."""
    pool = DescriptorPool()
    for file in (_TIMESTAMP, *files):
        pool.Add(file)
    message = GetMessageClass(pool.FindMessageTypeByName(f"{files[-1].package}.{name}"))
    serializer = ProtobufSerializer(message, client(url), {"use.deprecated.format": False})
    context = SerializationContext(TOPIC, MessageField.VALUE)
    return serializer(message(**record), context) or b""
