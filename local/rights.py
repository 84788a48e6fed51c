"""The users of a secured Kafka, and the least rights that each part of the system needs.

`docs/security.md` has the same table: a test compares.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from confluent_kafka.admin import (  # type: ignore[attr-defined]  # documented, not in __all__
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialAlteration,
    UserScramCredentialUpsertion,
)

from conf.settings import Settings

SECONDS = 30


class Right(NamedTuple):
    """What a user may do with a resource; a name that ends with * stands for all that begin so."""

    user: str
    kind: str  # of resource: topic, group, transactional id
    name: str
    operations: tuple[str, ...]


def rights(settings: Settings) -> list[Right]:
    """Return the least rights of each user, for topics that are there already.

    Write implies Describe, and so do Read and Delete. Whoever commits positions reads the group.
    """
    topics = settings.topics
    scores, high_scores, top_5 = topics.scores.name, topics.high_scores.name, topics.top_5.name
    rejected, group = topics.rejected.name, settings.group
    tables = [topics.of(kind).name for kind in settings.tables]
    has_periods = len(tables) > 1
    return [
        *[
            Right("topics", "topic", name, ("Create", "Describe", "DescribeConfigs"))
            for name in (scores, *tables, top_5, rejected)
        ],
        Right("highscores", "topic", scores, ("Read", "DescribeConfigs")),
        *[
            Right("highscores", "topic", table, ("Read", "Write", "DescribeConfigs"))
            for table in tables
        ],
        Right("highscores", "topic", rejected, ("Write", "DescribeConfigs")),
        Right("highscores", "group", group, ("Read",)),
        Right("highscores", "transactional id", f"leaderboard-{high_scores}-*", ("Write",)),
        Right("top5", "group", group, ("Describe",)),
        *[Right("top5", "topic", table, ("Read", "DescribeConfigs")) for table in tables],
        *[Right("top5", "topic", scores, ("Describe",)) for _ in range(has_periods)],
        Right("top5", "topic", top_5, ("Read", "Write", "DescribeConfigs")),
        Right("top5", "transactional id", f"leaderboard-{top_5}", ("Write",)),
        Right("web", "topic", scores, ("Read", "Write", "DescribeConfigs")),
        *[Right("web", "topic", table, ("Read", "DescribeConfigs")) for table in tables],
        Right("web", "topic", top_5, ("Read", "DescribeConfigs")),
        Right("web", "group", group, ("Describe",)),
        Right("web", "group", f"{group}-web", ("Describe",)),
        Right("players", "topic", scores, ("Write", "DescribeConfigs")),
        Right("positions", "topic", scores, ("Describe", "DescribeConfigs")),
        Right("positions", "group", group, ("Delete",)),
        Right("correct", "topic", scores, ("Read", "Write", "DescribeConfigs")),
        Right("correct", "group", group, ("Describe",)),
        Right("correct", "transactional id", f"leaderboard-correct-{group}", ("Write",)),
        *[Right("rekey", "topic", table, ("Read", "Write", "DescribeConfigs")) for table in tables],
        Right("rekey", "group", group, ("Describe",)),
        *[
            Right("rebuild", "topic", name, ("Create", "Delete", "DescribeConfigs"))
            for name in (*tables, top_5)
        ],
        *[
            Right("rebuild", "topic", name, ("Describe", "DescribeConfigs"))
            for name in (scores, rejected)
        ],
        Right("rebuild", "group", group, ("Delete",)),
    ]


USERS = (
    "topics",
    "highscores",
    "top5",
    "web",
    "players",
    "positions",
    "correct",
    "rekey",
    "rebuild",
)


def grant(client: Mapping[str, str], table: list[Right]) -> None:
    """Let a client that may do everything create these rights; those of before stay.

    Raises:
        KafkaException: The broker refuses.
    """
    admin = _admin(client)
    created = admin.create_acls(list(_acls(table)), request_timeout=SECONDS)
    for future in created.values():
        future.result()


def set_passwords(client: Mapping[str, str], passwords: Mapping[str, str]) -> None:
    """Let a client that may do everything set the passwords of users.

    Raises:
        KafkaException: The broker refuses.
    """
    how = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    changes: list[UserScramCredentialAlteration] = [
        UserScramCredentialUpsertion(user, how, password.encode())
        for user, password in passwords.items()
    ]
    admin = _admin(client)
    asked = admin.alter_user_scram_credentials(changes, request_timeout=SECONDS)
    for future in asked.values():
        future.result()


def _admin(client: Mapping[str, str]) -> AdminClient:
    """Return a client that its caller keeps until the futures have their results."""
    return AdminClient({**client, "log_level": "4"})  # no notes about its own end


def _acls(table: list[Right]) -> Iterator[AclBinding]:
    for right in table:
        is_prefix = right.name.endswith("*")
        for operation in right.operations:
            yield AclBinding(
                ResourceType[right.kind.replace(" ", "_").upper()],
                right.name.removesuffix("*"),
                ResourcePatternType.PREFIXED if is_prefix else ResourcePatternType.LITERAL,
                f"User:{right.user}",
                "*",
                AclOperation[_constant(operation)],
                AclPermissionType.ALLOW,
            )


def _constant(operation: str) -> str:
    """Return the name of a constant: DescribeConfigs is DESCRIBE_CONFIGS."""
    return "".join(f"_{each}" if each.isupper() else each for each in operation)[1:].upper()
