"""The metrics of the flows for Prometheus; docs/metrics.md explains each of them.

They are counted by the batch or by the epoch, never by the score. Each process has its own.
"""

from prometheus_client import Counter, Gauge, Histogram, Info

EPOCH_BUCKETS = (1.1, 1.5, 2, 3, 5, 10, 20, 30, 60)

program = Info("leaderboard_flow", "The flow and its version.")
epoch_seconds = Histogram(
    "leaderboard_flow_epoch_seconds", "From the end of an epoch to the next.", buckets=EPOCH_BUCKETS
)
position = Gauge(
    "leaderboard_flow_position", "Offset up to which a partition is read.", ["topic", "partition"]
)
lag = Gauge(
    "leaderboard_flow_lag",
    "Offsets between the position and the end of a partition.",
    ["topic", "partition"],
)
users = Gauge("leaderboard_flow_users", "Users on the board of all time, by shard.", ["shard"])

scores_read = Counter("leaderboard_flow_scores_read", "Messages read from `scores`.")
improvements = Counter(
    "leaderboard_flow_improvements", "Bests written, and removals, by board.", ["board"]
)
scores_rejected = Counter(
    "leaderboard_flow_scores_rejected", "Messages that could not be read, by reason.", ["reason"]
)
scores_late = Counter(
    "leaderboard_flow_scores_late",
    "Scores that came after their period was closed, by board.",
    ["board"],
)
users_in_two_partitions = Counter(
    "leaderboard_flow_users_in_two_partitions", "Users whose scores were seen in two partitions."
)
restore_seconds = Gauge("leaderboard_flow_restore_seconds", "How long the restore took.")
restored_users = Gauge("leaderboard_flow_restored_users", "Users that the restore has read.")
last_commit = Gauge(
    "leaderboard_flow_last_commit_timestamp_seconds", "When positions were committed last."
)
failed_commits = Counter("leaderboard_flow_failed_commits", "Positions that were not committed.")

boards_published = Counter("leaderboard_flow_boards_published", "Boards written.", ["board"])
board_updated = Gauge(
    "leaderboard_flow_board_updated_timestamp_seconds",
    "The time of the score or the removal that changed the board last.",
    ["board"],
)


def note_read(topic: str, partition: int, read: int, end: int | None) -> None:
    """Export up to which offset this process has read a partition, and its lag."""
    position.labels(topic, partition).set(read)
    if end is not None:
        lag.labels(topic, partition).set(max(0, end - read))
