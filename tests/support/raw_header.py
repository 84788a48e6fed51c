"""Write what the protocol allows and Python's client does not: a header whose name is not UTF-8."""

import ctypes
from pathlib import Path

import confluent_kafka

VALUE, KEY, TOPIC, HEADERS, END = 4, 5, 1, 10, 0  # of rd_kafka_producev, in rdkafka.h
HEADER = b"\xff\xfe"
SECONDS = 10

Text, Size, Pointer = ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p


def write(bootstrap_servers: str, topic: str, key: bytes, value: bytes | None) -> None:
    """Write a message with such a header, and wait until the broker has it."""
    folder = Path(confluent_kafka.__file__).parent.parent / "confluent_kafka.libs"
    library = ctypes.CDLL(str(next(folder.glob("librdkafka*"))))
    for function in ("conf_new", "new", "headers_new"):
        getattr(library, f"rd_kafka_{function}").restype = Pointer
    error = ctypes.create_string_buffer(512)
    conf = Pointer(library.rd_kafka_conf_new())
    servers = bootstrap_servers.encode()
    for name, text in ((b"bootstrap.servers", servers), (b"partitioner", b"murmur2_random")):
        library.rd_kafka_conf_set(conf, name, text, error, Size(512))
    producer = Pointer(library.rd_kafka_new(0, conf, error, Size(512)))
    headers = Pointer(library.rd_kafka_headers_new(Size(1)))
    library.rd_kafka_header_add(headers, HEADER, Size(len(HEADER)), b"x", Size(1))
    written = library.rd_kafka_producev(
        producer,
        *(TOPIC, Text(topic.encode())),
        *(VALUE, Text(value), Size(len(value or b""))),
        *(KEY, Text(key), Size(len(key))),
        *(HEADERS, headers),
        END,
    )

    assert written == 0, error.value
    assert library.rd_kafka_flush(producer, SECONDS * 1000) == 0
    library.rd_kafka_destroy(producer)
