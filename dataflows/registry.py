"""Read scores whose schemas are in a Schema Registry: Avro, Protobuf, JSON Schema.

A message names its schema by a number or a GUID, in its first bytes or in a header. The registry is
asked once for each schema. Rules that it has for data, such as migrations, are not applied. Source:
https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/#wire-format
"""

import base64
import logging
import time
from collections.abc import Callable, Hashable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from io import BytesIO
from typing import Any, TypeVar, cast

from confluent_kafka import Message
from confluent_kafka.schema_registry import (
    RegisteredSchema,
    Schema,
    SchemaRegistryClient,
    SchemaRegistryError,
)
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer
from confluent_kafka.schema_registry.serde import SchemaId
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

from conf import clients
from conf.settings import Settings
from dataflows.scores import RegistryAway
from dataflows.wire import SCHEMA, BadMessage, check_range, detached, header, score_codec

log = logging.getLogger(__name__)

PAUSE_SECONDS = (0.2, 10.0)  # after the first failure in a row, and the longest
UNKNOWN_SECONDS = 60  # before an unknown schema is asked for again
UNKNOWN = 20_000  # schemas that are remembered as unknown: two batches of one each
NOT_FOUND = 404
SERIALIZED = "serialized"  # Protobuf as a descriptor
NO_DESCRIPTOR = "it returns no descriptor for format=serialized"
BUILT_IN = ("google/protobuf/", "google/type/", "confluent/")
INTEGERS = {
    FieldDescriptor.CPPTYPE_INT32,
    FieldDescriptor.CPPTYPE_INT64,
    FieldDescriptor.CPPTYPE_UINT32,
    FieldDescriptor.CPPTYPE_UINT64,
}

Found = TypeVar("Found", Schema, RegisteredSchema)
Ask = Callable[[str | None], Schema]
"""Asks for a schema, as it was registered or in another form."""
Read = Callable[[bytes], object]
"""Reads what stands for the score in a value that begins with the id of its schema."""


class Registry(SchemaRegistryClient):
    """Finds schemas of one kind, and remembers all that the registry has; for one thread.

    A failure is logged, and followed by a pause in which nothing is asked: twice as long each time,
    10 s at most.

    Args:
        settings: With the properties of the client.
        kind: The registry's name of the format.
    """

    def __init__(self, settings: Settings, kind: str) -> None:
        super().__init__(clients.registry(settings))
        self._title = f"the Schema Registry at {settings.schema_registry['url']}"
        self._kind = kind
        self._found: dict[Hashable, Any] = {}
        self._unknown: dict[Hashable, float] = {}  # until when it is not asked for, monotonic
        self._pause = PAUSE_SECONDS[0]
        self._ask_at = 0.0
        self._failure = ""

    def get_schema(
        self,
        schema_id: int,
        subject_name: str | None = None,
        fmt: str | None = None,
        reference_format: str | None = None,
    ) -> Schema:
        """Return a schema by its number.

        Raises:
            BadMessage: The registry does not know it, or it is of another kind.
            RegistryAway: The registry does not answer.
        """
        ask = super().get_schema
        found = self._find(
            (schema_id, fmt), lambda: ask(schema_id, subject_name, fmt, reference_format)
        )
        return self._checked(found)

    def get_schema_by_guid(self, guid: str, fmt: str | None = None) -> Schema:
        """Return a schema by its GUID; raises as `get_schema` does."""
        ask = super().get_schema_by_guid
        return self._checked(self._find((guid, fmt), lambda: ask(guid, fmt)))

    def get_version(
        self,
        subject_name: str,
        version: Any = "latest",  # noqa: ANN401 - as the client has it
        deleted: bool = False,  # noqa: FBT001, FBT002 - as the client has it
        fmt: str | None = None,
    ) -> RegisteredSchema:
        """Return a schema that another one refers to; raises as `get_schema` does."""
        ask = super().get_version
        key = f"{subject_name} version {version}", fmt
        return self._find(key, lambda: ask(subject_name, version, deleted, fmt))

    def note_failure(self, error: Exception) -> RegistryAway:
        """Note a failure; returns what to raise."""
        now = time.monotonic()
        if now >= self._ask_at:
            reason = str(error) or type(error).__name__
            self._failure = f"{self._title} does not answer as it should: {reason}"
            log.warning("%s; asking again in %g s", self._failure, self._pause)
            self._ask_at = now + self._pause
            self._pause = min(2 * self._pause, PAUSE_SECONDS[1])
        return RegistryAway(self._failure)

    def _find(self, key: tuple[Hashable, str | None], ask: Callable[[], Found]) -> Found:
        if key in self._found:
            return cast("Found", self._found[key])
        if self._unknown.get(key, 0) > time.monotonic():
            raise _unknown()
        if time.monotonic() < self._ask_at:
            raise RegistryAway(self._failure)
        try:
            self.clear_caches()  # type: ignore[no-untyped-call]  # they know one form of each
            found = ask()
            self._pause = PAUSE_SECONDS[0]
        except Exception as error:  # whatever it is, the message is not at fault
            if not self._is_unknown(error):
                raise self.note_failure(error) from error
            self._note_unknown(key, key[0])
            raise _unknown() from error
        self._found[key] = found
        return found

    def _is_unknown(self, error: Exception) -> bool:
        """Return whether the registry says that it has no such schema.

        Its own codes for that are 404xx. Any other answer may come from a server that is none.
        """
        if not isinstance(error, SchemaRegistryError) or error.http_status_code != NOT_FOUND:
            return False
        return (error.error_code or 0) // 100 == NOT_FOUND or self._is_a_registry()

    def _is_a_registry(self) -> bool:
        try:
            return self._kind in self.get_schema_types()
        except Exception:  # noqa: BLE001 - whatever answers, it is none
            return False

    def _note_unknown(self, key: Hashable, name: Hashable) -> None:
        if len(self._unknown) >= UNKNOWN:
            self._unknown.clear()
        self._unknown[key] = time.monotonic() + UNKNOWN_SECONDS
        log.warning("%s has no schema %s: messages that name it are refused", self._title, name)

    def _checked(self, found: Schema) -> Schema:
        if found.schema_type != self._kind:
            msg = "schema of another format"
            raise BadMessage(msg)
        return found


def _unknown() -> BadMessage:
    return BadMessage("unknown schema")


class RegistryDecoder:
    """Reads scores of the format of the settings, one by one; for one thread.

    A call takes up to 2 s where the registry does not answer, and raises RegistryAway then. What
    cannot be read for any other reason is refused.
    """

    def __init__(self, settings: Settings) -> None:
        topic = settings.topics.scores
        kind, make = READERS[topic.format]
        self._registry = Registry(settings, kind)
        self._read = make(self._registry, topic.field)
        self._unreadable = f"not {topic.format} that fits its schema"
        self._no_integer = f"not an integer or a record with an integer {topic.field}"

    def __call__(self, messages: Sequence[Message]) -> list[int | BadMessage | None]:
        """Read a batch.

        Raises:
            RegistryAway: The registry does not answer.
        """
        return list(map(self._decode, messages))

    def close(self) -> None:
        """Close the connection to the registry."""
        self._registry.close()

    def _decode(self, message: Message) -> int | BadMessage | None:
        value = message.value()
        if value is None:
            return None
        try:
            return self._score((header(message, SCHEMA) or b"") + value)
        except RegistryAway:
            raise
        except BadMessage as reason:
            return detached(reason)
        except Exception:  # noqa: BLE001 - the bytes may be anything, and other libraries read them
            return BadMessage(self._unreadable)

    def _score(self, framed: bytes) -> int:
        if framed[:1] not in {b"\0", b"\1"}:
            msg = "no schema id"
            raise BadMessage(msg)
        found = self._read(framed)
        if type(found) is not int:  # no bool
            raise BadMessage(self._no_integer)
        return check_range(found)


def _avro(registry: Registry, field: str) -> Read:
    deserialize = AvroDeserializer(registry)

    def read(framed: bytes) -> object:
        found = deserialize(framed)
        return found.get(field) if isinstance(found, dict) else found

    return read


def _json_schema(registry: Registry, field: str) -> Read:
    """Read JSON by the rules of the format `json`; it is not checked against its schema."""
    properties = {"validate": False, "subject.name.strategy.type": "RECORD"}
    decode = score_codec("json", field).decode
    deserialize: Read = JSONDeserializer(None, None, registry, properties, json_decode=decode)
    return deserialize


class ProtobufReader:
    """Reads an integer field, whatever the message; makes the classes of messages by itself."""

    def __init__(self, registry: Registry, field: str) -> None:
        self._registry = registry
        self._field = field
        self._reads: dict[Hashable, Read] = {}  # by schema and place of the message there

    def __call__(self, framed: bytes) -> object:
        """Return the field's value, None where there is none."""
        schema = SchemaId("PROTOBUF")
        schema.from_bytes(BytesIO(framed))
        key = schema.id, schema.guid, *(schema.message_indexes or ())
        if key not in self._reads:
            self._reads[key] = self._make(schema)
        return self._reads[key](framed)

    def _make(self, schema: SchemaId) -> Read:
        message = self._describe(schema)
        field = message.fields_by_name.get(self._field)
        if field is None or field.cpp_type not in INTEGERS or field.is_repeated:
            return lambda _: None
        deserialize = ProtobufDeserializer(GetMessageClass(message))
        return partial(_field_of, deserialize, field.name, has_presence=field.has_presence)

    def _describe(self, schema: SchemaId) -> Descriptor:
        number, guid, registry = schema.id, str(schema.guid), self._registry
        files: dict[str, FileDescriptorProto] = {}
        if number is not None:
            self._collect("", lambda fmt: registry.get_schema(number, fmt=fmt), files)
        else:
            self._collect("", lambda fmt: registry.get_schema_by_guid(guid, fmt), files)
        file = descriptor_pool.DescriptorPool(_Files(files)).FindFileByName("")
        messages: Iterable[Descriptor] = file.message_types_by_name.values()
        for index in schema.message_indexes or (0,):
            message = dict(enumerate(messages))[index]
            messages = message.nested_types
        return message

    def _collect(self, name: str, ask: Ask, files: dict[str, FileDescriptorProto]) -> None:
        """Add a schema and those that it refers to, under the names by which they are imported."""
        schema, files[name] = self._parse(ask)
        files[name].name = name
        for each in schema.references or ():
            imported = each.name or ""
            if imported not in files and not imported.startswith(BUILT_IN):
                find = partial(self._find_version, each.subject or "", each.version)
                self._collect(imported, find, files)

    def _find_version(self, subject: str, version: int | None, fmt: str | None) -> Schema:
        return self._registry.get_version(subject, version, deleted=True, fmt=fmt).schema

    def _parse(self, ask: Ask) -> tuple[Schema, FileDescriptorProto]:
        """Return a schema, and its descriptor: as it was registered, or else as it is made of text.

        Clients register one or the other. Confluent's registry returns text where it is not asked
        for more, Apicurio's cannot make a descriptor of one.
        """
        for fmt in (None, SERIALIZED):
            schema = ask(fmt)
            with suppress(ValueError, DecodeError):
                descriptor = base64.b64decode(schema.schema_str or "", validate=True)
                return schema, FileDescriptorProto.FromString(descriptor)
        raise self._registry.note_failure(ValueError(NO_DESCRIPTOR))


class _Files:
    """What a descriptor pool asks for files; Google's own come with the library."""

    def __init__(self, files: dict[str, FileDescriptorProto]) -> None:
        self._files = files

    def FindFileByName(self, name: str) -> FileDescriptorProto:  # noqa: N802
        if name not in self._files:
            self._files[name] = FileDescriptorProto()
            descriptor_pool.Default().FindFileByName(name).CopyToProto(self._files[name])
        return self._files[name]

    def FindFileContainingSymbol(self, name: str) -> FileDescriptorProto:  # noqa: N802
        raise KeyError(name)


def _field_of(
    deserialize: ProtobufDeserializer, name: str, framed: bytes, *, has_presence: bool
) -> object:
    message: Any = deserialize(framed)
    return None if has_presence and not message.HasField(name) else getattr(message, name)


READERS: dict[str, tuple[str, Callable[[Registry, str], Read]]] = {
    "avro": ("AVRO", _avro),
    "json-schema": ("JSON", _json_schema),
    "protobuf": ("PROTOBUF", ProtobufReader),
}
