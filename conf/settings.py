"""Settings: `settings.toml` says what there is to set, this reads it and refuses what is wrong."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

DEFAULTS = Path(__file__).with_name("settings.toml")
PREFIX = "LEADERBOARD_"
FILE_VARIABLE = f"{PREFIX}SETTINGS"

# What correctness rests on, with the aliases that librdkafka has for some of them.
RESERVED = frozenset(
    {
        "acks",
        "auto.offset.reset",
        "enable.auto.commit",
        "enable.gapless.guarantee",
        "enable.idempotence",
        "group.id",
        "isolation.level",
        "message.send.max.retries",
        "message.timeout.ms",  # delivery.timeout.ms may be set
        "request.required.acks",
        "retries",
        "transactional.id",
    }
)

Format = Literal["json", "int32", "int64"]
Property = bool | int | float | str


class InvalidSettings(ValueError):  # noqa: N818 - it reads as what it is
    """A setting is unknown or its value is bad; the text is one line that names it."""


def _refuse_reserved(properties: dict[str, Property]) -> dict[str, Property]:
    for name in sorted(RESERVED & properties.keys()):
        msg = f"{name} may not be set: the guarantees rest on it"
        raise ValueError(msg)
    return properties


def _go_together(private_key: str, web: ValidationInfo) -> str:
    if bool(private_key) != bool(web.data.get("certificate")):
        msg = "a certificate and its private key go together"
        raise ValueError(msg)
    return private_key


Name = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9._-]{1,249}$")]
Replication = Annotated[int, Field(ge=-1, le=32767)]
Retention = Annotated[int, Field(ge=-1)]
Partitions = Annotated[int, Field(ge=1, le=10_000)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Topic(_Frozen):
    """A topic as it is created; `partitions` gives way to what an existing topic has."""

    name: Name
    partitions: Partitions
    replication: Replication


class Scores(Topic):
    """The topic of all scores: the source of truth."""

    retention_ms: Retention
    format: Format


class HighScores(Topic):
    """The compacted topic of each user's best score."""

    format: Format


class Rejected(Topic):
    """The topic of what could not be read."""

    retention_ms: Retention


class Topics(_Frozen):
    """The four topics, in the order in which a score passes them."""

    scores: Scores
    high_scores: HighScores
    top_5: Topic
    rejected: Rejected

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
    """The flows: how often they commit transactions (0: no limit), and when they are stuck."""

    transactions_per_second: Annotated[float, Field(ge=0, le=1000)]
    stall_seconds: Annotated[float, Field(gt=0, le=3600)]


class Web(_Frozen):
    """The web app: where it listens (port 0: any), its streams, and what clients may do."""

    host: str
    port: Annotated[int, Field(ge=0, le=65535)]
    heartbeat_seconds: Annotated[float, Field(gt=0, le=3600)]
    stall_seconds: Annotated[float, Field(gt=0, le=3600)]
    streams: Annotated[int, Field(ge=0)]
    streams_per_client: Annotated[int, Field(ge=0)]
    posts_per_second: Annotated[float, Field(ge=0)]
    posts_burst: Annotated[int, Field(ge=1)]
    trusted_proxies: Annotated[int, Field(ge=0, le=10)]
    token: str
    hosts: tuple[str, ...]
    cors_origins: tuple[str, ...]
    certificate: str
    private_key: Annotated[str, AfterValidator(_go_together)]
    workers: Annotated[int, Field(ge=1, le=64)]


class Settings(BaseSettings):
    """All settings, checked and frozen; `settings.toml` says what each one means."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix=PREFIX, env_nested_delimiter="__"
    )

    bootstrap_servers: Annotated[str, Field(min_length=1)]
    group: Annotated[str, Field(min_length=1)]
    guarantee: Literal["at_least_once", "exactly_once"]
    create_topics: bool
    startup_timeout_seconds: Annotated[float, Field(gt=0)]
    user_max_bytes: Annotated[int, Field(ge=1, le=65536)]
    topics: Topics
    flows: Flows
    top5: Top5
    web: Web
    kafka: Annotated[dict[str, Property], AfterValidator(_refuse_reserved)]

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic passes it by name
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Rank the sources: the environment, the file it names, `settings.toml`."""
        files = [Path(os.environ[FILE_VARIABLE])] if FILE_VARIABLE in os.environ else []
        return (
            env_settings,
            *(TomlConfigSettingsSource(settings_cls, path) for path in [*files, DEFAULTS]),
        )


def load() -> Settings:
    """Read the settings.

    Raises:
        InvalidSettings: With one line that names the unknown name, the bad value or the file.
    """
    _refuse_unknown_variables(os.environ)
    _refuse_missing_file(os.environ)
    try:
        return Settings()  # type: ignore[call-arg]  # its sources give the values
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        given = "" if isinstance(first["input"], dict) else f" (it is {first['input']!r})"
        msg = f"setting {name}: {first['msg']}{given}"
        raise InvalidSettings(msg) from error
    except (SettingsError, ValueError) as error:
        msg = f"settings: {error}"
        raise InvalidSettings(" ".join(msg.split())) from error


def _refuse_unknown_variables(environment: Mapping[str, str]) -> None:
    known = {name.upper() for name in Settings.model_fields} | {"SETTINGS"}
    for variable in sorted(environment):
        name = variable.upper().removeprefix(PREFIX).partition("__")[0]
        if variable.upper().startswith(PREFIX) and name not in known:
            msg = f"unknown setting {variable} in the environment: see conf/settings.toml"
            raise InvalidSettings(msg)


def _refuse_missing_file(environment: Mapping[str, str]) -> None:
    path = environment.get(FILE_VARIABLE)
    if path is not None and not Path(path).is_file():
        msg = f"{FILE_VARIABLE}: there is no file {path}"
        raise InvalidSettings(msg)
