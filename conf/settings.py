"""The settings and their valid values; `settings.toml` explains each of them."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal, NamedTuple, Self, cast, get_args
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    model_validator,
)

# Properties that correctness depends on, with the aliases that librdkafka has for some of them.
RESERVED = frozenset(
    {
        "acks",
        "allow.auto.create.topics",
        "auto.offset.reset",
        "enable.auto.commit",
        "enable.gapless.guarantee",
        "enable.idempotence",
        "isolation.level",
        "message.send.max.retries",
        "message.timeout.ms",  # delivery.timeout.ms may be set
        "request.required.acks",
        "retries",
        "transactional.id",
    }
)
OUTSIDE = {  # properties that another setting decides
    "bootstrap.servers": "bootstrap_servers",
    "group.id": "group",
    "metadata.broker.list": "bootstrap_servers",
    "transaction.timeout.ms": "kafka.delivery.timeout.ms",
}

REGISTRY_NUMBERS = frozenset(
    {
        "timeout",
        "cache.capacity",
        "cache.latest.ttl.sec",
        "max.retries",
        "retries.wait.ms",
        "retries.max.wait.ms",
    }
)

_DEFAULT_PORT = 9092
_ADDRESS = re.compile(r"(?:\w+://)?(\[[0-9a-fA-F:.]+\]|[^\s:/\[\]]+)(?::([0-9]{1,5}))?")
_MEASURED = re.compile(r"\.(ms|bytes|kbytes|messages)$")
_FRACTIONS = {"linger.ms", "queue.buffering.max.ms"}
_ABOVE_0 = {"delivery.timeout.ms", "topic.metadata.refresh.interval.ms"}  # we compute with them

Format = Literal["json", "int32", "int64"]
RegistryFormat = Literal["avro", "protobuf", "json-schema"]
Board = Literal["all-time", "day", "week", "month"]
PERIOD_BOARDS: tuple[Board, ...] = ("day", "week", "month")
Property = bool | int | float | str


def table_kind(board: str) -> str:
    """Return the kind of the topic that holds the bests of a board."""
    return "high_scores" if board == "all-time" else f"high_scores_{board}"


class InvalidSettings(ValueError):  # noqa: N818 - it reads as what it is
    """A setting is unknown or its value is bad; the text is one line that names it."""


class Address(NamedTuple):
    """Where a broker listens."""

    host: str
    port: int


def _addresses(text: str) -> list[Address]:
    """Parse addresses with commas between.

    Raises:
        ValueError: One is not host or host:port.
    """
    found = []
    for each in text.split(","):
        match = _ADDRESS.fullmatch(each.strip())
        port = int(match[2] or _DEFAULT_PORT) if match else 0
        if match is None or not 0 < port < 2**16:
            msg = f"{each.strip()!r} is not host:port"
            raise ValueError(msg)
        found.append(Address(match[1].strip("[]"), port))
    return found


def _check_addresses(text: str) -> str:
    _addresses(text)
    return text


def _check_topic(name: str) -> str:
    if name in {".", ".."}:
        msg = f"Kafka has no topic named {name}"
        raise ValueError(msg)
    return name


def _check_boards(boards: tuple[Board, ...]) -> tuple[Board, ...]:
    if "all-time" not in boards or len(set(boards)) < len(boards):
        msg = 'it must name "all-time", and each board once'
        raise ValueError(msg)
    return tuple(board for board in get_args(Board) if board in boards)


def _check_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError) as error:  # unknown, or no name at all
        msg = f'{name!r} is no IANA time zone, such as "Europe/Berlin"'
        raise ValueError(msg) from error
    return name


def _check_values(properties: object) -> object:
    for name, value in properties.items() if isinstance(properties, dict) else ():
        if isinstance(value, dict):  # TOML reads `sasl.username = "ann"` as a table in a table
            msg = f'put quotes around the name "{name}.{next(iter(value), "")}"'
            raise ValueError(msg)  # noqa: TRY004 - what pydantic reports
        if not isinstance(value, Property):
            msg = f"{name} must be a text, a number, true or false"
            raise ValueError(msg)  # noqa: TRY004
    return properties


def _check_properties(properties: Mapping[str, Property]) -> Mapping[str, Property]:
    for name, value in sorted(properties.items()):
        if name in RESERVED:
            msg = f"{name} may not be set: the guarantees rest on it"
            raise ValueError(msg)
        if name in OUTSIDE:
            msg = f"{name} may not be set here: it is the setting {OUTSIDE[name]}"
            raise ValueError(msg)
        if _MEASURED.search(name) and not _is_number(name, value):
            # librdkafka would read the digits of "1m" and drop the rest.
            msg = f"{name} must be a number{' above 0' * (name in _ABOVE_0)}, without a unit"
            raise ValueError(msg)
    return properties


def _is_number(name: str, value: Property) -> bool:
    digits = r"[1-9][0-9]*" if name in _ABOVE_0 else r"-?[0-9]+"
    fraction = r"(\.[0-9]+)?" if name in _FRACTIONS else ""
    return re.fullmatch(digits + fraction, str(value)) is not None


def _check_registry(
    properties: Mapping[str, Property], settings: ValidationInfo
) -> Mapping[str, Property]:
    for name in REGISTRY_NUMBERS & properties.keys():
        if re.fullmatch(r"[0-9]+(\.[0-9]+)?", str(properties[name])) is None:
            msg = f"{name} must be a number, without a unit"
            raise ValueError(msg)
    urls = str(properties.get("url", ""))
    for url in filter(None, urls.split(",")):
        parts = urlsplit(url.strip())
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            msg = 'url must be one such as "https://registry.example:8081"'
            raise ValueError(msg)
        if "@" in parts.netloc:
            msg = "url may not hold a password: set basic.auth.user.info"
            raise ValueError(msg)
    topics = settings.data.get("topics")
    if topics and not topics.scores.plain_format and not urls:
        msg = f"url is missing: topics.scores.format {topics.scores.format} needs it"
        raise ValueError(msg)
    return properties


def _check_post_origins(origins: tuple[str, ...], web: ValidationInfo) -> tuple[str, ...]:
    if origins and not web.data.get("token"):
        msg = "it needs web.token: otherwise any visitor of these pages could post"
        raise ValueError(msg)
    return _check_sources(origins)


def _check_readers(origins: tuple[str, ...]) -> tuple[str, ...]:
    _check_sources(tuple(origin for origin in origins if origin != "*"))
    return origins


def _check_sources(sources: tuple[str, ...]) -> tuple[str, ...]:
    for source in sources:
        if not re.fullmatch(r"https?://[^\s;,'\"/]+", source):
            msg = f'{source!r} is not an origin, such as "https://a.org"'
            raise ValueError(msg)
    return sources


def _go_together(private_key: str, web: ValidationInfo) -> str:
    if bool(private_key) != bool(web.data.get("certificate")):
        msg = "a certificate and its private key go together"
        raise ValueError(msg)
    return private_key


Name = Annotated[
    str, StringConstraints(pattern=r"^[a-zA-Z0-9._-]{1,249}$"), AfterValidator(_check_topic)
]
Replication = Annotated[int, Field(ge=-1, le=32767)]
Retention = Annotated[int, Field(ge=-1)]
Partitions = Annotated[int, Field(ge=1, le=10_000)]


class _Frozen(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True
    )


class Topic(_Frozen):
    """A topic as it is created; an existing topic keeps its own number of `partitions`."""

    name: Name
    partitions: Partitions
    replication: Replication


class Scores(Topic):
    """The topic of all scores: the source of truth."""

    retention_ms: Retention
    format: Format | RegistryFormat
    field: Annotated[str, Field(min_length=1, max_length=249)]

    @property
    def plain_format(self) -> Format | None:
        """The format; None where a Schema Registry is needed to read it."""
        return None if self.format in get_args(RegistryFormat) else cast("Format", self.format)


class HighScores(Topic):
    """The compacted topic of each user's best score.

    Each board by period has one like it: `-day`, `-week` or `-month` is added to the name.
    """

    format: Format
    periods_retention_ms: Retention


class Rejected(Topic):
    """The topic of messages that could not be read."""

    retention_ms: Retention


class Topics(_Frozen):
    """The topics, in the order in which a score passes them."""

    scores: Scores
    high_scores: HighScores
    top_5: Topic
    rejected: Rejected

    def of(self, kind: str) -> Topic:
        """Return a topic by its kind: the name of a field, or what `table_kind` returns."""
        for board in PERIOD_BOARDS:
            if kind == table_kind(board):
                name = f"{self.high_scores.name}-{board}"
                return self.high_scores.model_copy(update={"name": name})
        found: Topic = getattr(self, kind)
        return found

    @model_validator(mode="after")
    def _differ(self) -> Self:
        kinds: dict[str, str] = {}
        for kind in (*type(self).model_fields, *map(table_kind, PERIOD_BOARDS)):
            name = self.of(kind).name
            if other := kinds.get(name):
                msg = f"{other}.name and {kind}.name are both {name!r}"
                raise ValueError(msg)
            kinds[name] = kind
        return self

    @model_validator(mode="after")
    def _holds_every_score(self) -> Self:
        if self.high_scores.format == "int32" and self.scores.format != "int32":
            msg = f"high_scores.format int32 cannot hold every score of {self.scores.format}"
            raise ValueError(msg)
        return self


class Top5(_Frozen):
    """The board: its rows and its boards a second (0: no limit)."""

    size: Annotated[int, Field(ge=1, le=1000)]
    updates_per_second: Annotated[float, Field(ge=0, le=1000)]


class Flows(_Frozen):
    """The flows: how often they commit transactions (0: no limit), and when they are stuck.

    A process serves its status on `metrics_port` and its index in the cluster, with port 0 nowhere.
    """

    transactions_per_second: Annotated[float, Field(ge=0, le=1000)]
    stall_seconds: Annotated[float, Field(gt=0, le=3600)]
    metrics_host: str
    metrics_port: Annotated[int, Field(ge=0, le=65535)]


class Web(_Frozen):
    """The web app: its address (port 0: any), its streams, and the limits of clients."""

    host: str
    port: Annotated[int, Field(ge=0, le=65535)]
    updates_per_second: Annotated[float, Field(ge=0, le=1000)]
    heartbeat_seconds: Annotated[float, Field(gt=0, le=3600)]
    stall_seconds: Annotated[float, Field(gt=0, le=3600)]
    streams: Annotated[int, Field(ge=0)]
    streams_per_client: Annotated[int, Field(ge=0)]
    posts_per_second: Annotated[float, Field(ge=0)]
    posts_burst: Annotated[int, Field(ge=1)]
    trusted_proxies: Annotated[int, Field(ge=0, le=10)]
    token: Annotated[str, Field(repr=False)]
    hosts: tuple[str, ...]
    cors_origins: Annotated[tuple[str, ...], AfterValidator(_check_readers)]
    post_origins: Annotated[tuple[str, ...], AfterValidator(_check_post_origins)]
    frame_ancestors: Annotated[tuple[str, ...], AfterValidator(_check_sources)]
    title: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    texts: str
    form: bool
    ranks: bool
    certificate: str
    private_key: Annotated[str, AfterValidator(_go_together)]
    workers: Annotated[int, Field(ge=1, le=64)]


class Log(_Frozen):
    """What is logged, and whether as lines of text or of JSON."""

    level: Literal["debug", "info", "warning", "error"]
    format: Literal["text", "json"]


class Settings(_Frozen):
    """All settings, checked and frozen."""

    bootstrap_servers: Annotated[str, AfterValidator(_check_addresses)]
    group: Annotated[str, Field(min_length=1)]
    guarantee: Literal["at_least_once", "exactly_once"]
    create_topics: bool
    startup_timeout_seconds: Annotated[float, Field(gt=0)]
    user_max_bytes: Annotated[int, Field(ge=1, le=16_384)]
    boards: Annotated[tuple[Board, ...], AfterValidator(_check_boards)]
    time_zone: Annotated[str, AfterValidator(_check_zone)]
    late_hours: Annotated[float, Field(ge=0, le=8760)]
    order: Literal["highest", "lowest"]
    topics: Topics
    flows: Flows
    top5: Top5
    web: Web
    log: Log
    kafka: Annotated[
        Mapping[str, Property],
        BeforeValidator(_check_values),
        AfterValidator(_check_properties),
        Field(repr=False),
    ]

    schema_registry: Annotated[
        Mapping[str, Property],
        BeforeValidator(_check_values),
        AfterValidator(_check_registry),
        Field(repr=False),
    ]

    @property
    def tables(self) -> tuple[str, ...]:
        """The kinds of the topics of bests, all time first, then by length of the period."""
        return tuple(map(table_kind, self.boards))

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of all topics, in the order in which a score passes them."""
        return ("scores", *self.tables, "top_5", "rejected")

    @property
    def sign(self) -> int:
        """1, or -1 where the lowest score is the best: scores times this are greater the better."""
        return 1 if self.order == "highest" else -1

    @property
    def brokers(self) -> list[Address]:
        """The addresses of `bootstrap_servers`."""
        return _addresses(self.bootstrap_servers)
