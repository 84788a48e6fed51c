"""What the broker says of a right that is missing, in words that name the right."""

from confluent_kafka import KafkaError

_KINDS = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "topic",
    KafkaError.GROUP_AUTHORIZATION_FAILED: "group",
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: "transactional id",
}

# To an idempotent producer that may write to no topic at all (KIP-679).
_NO_WRITE = KafkaError.CLUSTER_AUTHORIZATION_FAILED


def is_missing(error: KafkaError) -> bool:
    """Tell whether the broker refuses because a right is missing."""
    return error.code() in _KINDS


def explain(error: KafkaError, operation: str, name: str) -> str:
    """Return what the broker says; where a right is missing, which one.

    `operation` is the right that is needed, such as Read, `name` that of a topic, a group or a
    transactional id.
    """
    kind = _KINDS.get(error.code())
    return f"the right {operation} on {kind} {name}" if kind else str(error.str())


def explain_write(error: KafkaError, topic: str, transactional_id: str = "") -> str:
    """Return what the broker says to a producer; where a right is missing, which one."""
    if error.code() == _NO_WRITE:
        return f"the right Write on topic {topic} is missing"
    is_of_id = error.code() == KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
    reason = explain(error, "Write", transactional_id if is_of_id else topic)
    return f"{reason} is missing" if is_missing(error) else reason
