"""The properties of every librdkafka client.

Our defaults come first, then the settings, then the properties that the guarantees depend on.

Source: https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md
"""

from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from conf.logs import LIBRDKAFKA
from conf.settings import REGISTRY_NUMBERS, InvalidSettings, Settings

DELIVERY_TIMEOUT_SECONDS = 60
REGISTRY_SECONDS = 2  # for each of connecting, sending and reading
MESSAGE_BYTES = "message.max.bytes"
BATCH_BYTES = 1_000_000  # librdkafka's default
TRANSACTION_LINGER_MS = 100
METADATA_MS = "topic.metadata.refresh.interval.ms"  # between checks for new partitions
READ_AHEAD = {
    "queued.max.messages.kbytes": 2 * 1024,  # of all partitions together: two batches of 10,000
    "fetch.queue.backoff.ms": 5,  # a full queue is refilled before it is empty
}


def client(settings: Settings) -> dict[str, Any]:
    """Return what every client needs: the brokers, `[kafka]`, and a logger of Python."""
    ours = {
        "bootstrap.servers": settings.bootstrap_servers,
        "socket.nagle.disable": True,  # a transaction is many small requests, one after the other
        # A broker that has stopped or lost its network answers nothing. The default of 60 s
        # is as long as a delivery may take: nobody would ask the broker that takes over in time.
        "socket.timeout.ms": 15_000,
        # A broker that is back is found soon: the default is 10 s.
        "reconnect.backoff.max.ms": 1_000,
        # Without metadata for so long, a client begins again with `bootstrap.servers` (KIP-1102).
        # A lone broker that shuts down may say that there is no broker: with the default of five
        # minutes a client that heard it does not connect before. Seen with librdkafka 2.16.
        "metadata.recovery.rebootstrap.trigger.ms": 5_000,
        **settings.kafka,
    }
    return {**_as_text(ours), "logger": LIBRDKAFKA}


def admin(settings: Settings) -> dict[str, Any]:
    """Return a client for questions, which connects to every broker.

    One that connects only to those that it needs tries a dead broker again without any pause, some
    10,000 times a second, where it was connected before and is asked once a second; other clients
    do not. Seen with librdkafka 2.16.
    """
    return {**client(settings), "enable.sparse.connections": "false"}


def producer(settings: Settings) -> dict[str, Any]:
    """Return an idempotent producer with Java's partitioner; a delivery fails after 60 s.

    Idempotence keeps the messages of one user in order over a broker's restart.
    """
    ours = {
        "partitioner": "murmur2_random",
        "linger.ms": 0,  # librdkafka's default of 5 ms would delay a score at each of three topics
        "delivery.timeout.ms": DELIVERY_TIMEOUT_SECONDS * 1000,
        MESSAGE_BYTES: 2**26,  # the topics have limits of their own
    }
    guarantees = {"enable.idempotence": True, "acks": "all"}
    wanted = {**_as_text(ours), **client(settings), **_as_text(guarantees)}
    shorter = min(int(wanted["delivery.timeout.ms"]), int(wanted["socket.timeout.ms"]))
    return {**wanted, "socket.timeout.ms": str(shorter)}  # transactions demand it


def transactional(settings: Settings, name: str, least_ms: int = 1000) -> dict[str, Any]:
    """Return a producer of transactions, which may take as long as a delivery.

    `least_ms` is the shortest time-out that they get; librdkafka demands a second.
    """
    properties = producer(settings)
    timeout_ms = max(int(properties["delivery.timeout.ms"]), least_ms)
    ours = {
        "transactional.id": f"leaderboard-{name}",
        "transaction.timeout.ms": str(timeout_ms),
        # All of a transaction is queued before its commit, which sends what waits at once. Without
        # this, the first few messages went alone: the broker needed a quarter more CPU.
        "linger.ms": str(settings.kafka.get("linger.ms", TRANSACTION_LINGER_MS)),
    }
    return {**properties, **ours}


def message_bytes(settings: Settings) -> int:
    """Return the size of the largest message that a producer accepts."""
    return int(producer(settings)[MESSAGE_BYTES])


def batch_bytes(settings: Settings) -> int:
    """Return the size of the largest batch that a producer sends, unless one message is larger."""
    return min(int(producer(settings).get("batch.size", BATCH_BYTES)), message_bytes(settings))


def consumer(settings: Settings) -> dict[str, Any]:
    """Return a consumer that commits on demand, reads committed, and fails at a lost position."""
    guarantees = {
        "group.id": settings.group,
        "enable.auto.commit": False,
        "isolation.level": "read_committed",
        "auto.offset.reset": "error",
    }
    ours = {**READ_AHEAD, METADATA_MS: 60_000}
    return {**_as_text(ours), **client(settings), **_as_text(guarantees)}


def registry(settings: Settings) -> dict[str, Any]:
    """Return a client of the Schema Registry; it answers or fails within 2 s, and tries once.

    Whoever asks tries again later: a flow must not stand still meanwhile.
    """
    given = {
        name: float(value) if name in REGISTRY_NUMBERS else value
        for name, value in settings.schema_registry.items()
    }
    return {"timeout": REGISTRY_SECONDS, "max.retries": 0, **given}


def check(settings: Settings) -> None:
    """Let the libraries judge the properties, as a client of each kind; none connects.

    Raises:
        InvalidSettings: With the property and what is wrong with it.
    """
    if not settings.topics.scores.plain_format:
        _check_registry(settings)
    for kind, properties in (
        (AdminClient, client(settings)),
        (Producer, transactional(settings, "check")),
        (Consumer, consumer(settings)),
    ):
        if reason := _refusal(kind, properties):
            raise InvalidSettings(_name_property(settings.kafka, reason))


def _check_registry(settings: Settings) -> None:
    # Only here: it takes half a second and 28 MB to load.
    from confluent_kafka.schema_registry import SchemaRegistryClient  # noqa: PLC0415

    try:
        SchemaRegistryClient(registry(settings)).close()
    except (OSError, TypeError, ValueError) as error:  # of a file; of a property
        files = [
            f"{name} is {value!r}"
            for name, value in settings.schema_registry.items()
            if name.endswith(".location")
        ]
        msg = "; ".join([f"setting schema_registry: {error}", *files])
        raise InvalidSettings(msg) from error


def _name_property(properties: Mapping[str, object], reason: str) -> str:
    """Add the name of the property: librdkafka may use an alias. Of values only paths are shown."""
    for name, value in properties.items():
        alone = {**_as_text({name: value}), "logger": LIBRDKAFKA}
        if name in reason or reason == _refusal(AdminClient, alone):
            shown = f" (it is {value!r})" if name.endswith(".location") else ""
            return f"setting kafka.{name}: {reason}{shown}"
    return f"settings of kafka: {reason}"


def _refusal(kind: Callable[[dict[str, Any]], object], properties: dict[str, Any]) -> str:
    properties.pop("bootstrap.servers", None)
    try:
        kind(properties)
    except KafkaException as error:
        return " ".join(error.args[0].str().split())
    except (TypeError, ValueError) as error:
        return str(error)
    return ""


def _as_text(properties: Mapping[str, object]) -> dict[str, Any]:
    return {name: _text(value) for name, value in properties.items()}


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
