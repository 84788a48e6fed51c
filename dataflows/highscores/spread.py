"""Checks that the scores of a user are in one partition of `scores`, as Kafka's tables demand."""

import logging

from dataflows import metrics

log = logging.getLogger(__name__)

AWAY_USERS = 200_000  # that are remembered


class SpreadCheck:
    """Reports users whose scores are seen in two partitions: producers partition differently.

    Only users outside the partition that Kafka's Java clients choose are remembered. If all
    producers choose that one, nothing is remembered.
    """

    def __init__(self) -> None:
        self._away: dict[bytes, int] = {}
        self._reported: set[bytes] = set()

    def note(self, partition: int, users: list[bytes], away: list[bytes]) -> None:
        """Note users who were seen in a partition; Java clients choose another for those `away`.

        A user who is known in the table of the partition's own shard need not be in `away` again.
        """
        for user in away:
            self._away.setdefault(user, partition)
        for user in self._away.keys() & users if self._away else ():
            if self._away[user] != partition:
                self._report(user, partition)
        while len(self._away) > AWAY_USERS:
            del self._away[next(iter(self._away))]

    def _report(self, user: bytes, partition: int) -> None:
        if user in self._reported or len(self._reported) > AWAY_USERS:
            return
        metrics.users_in_two_partitions.inc()
        if not self._reported:
            log.warning(
                "the scores of %r are in the partitions %d and %d: the producers of `scores` "
                "choose partitions differently, and Kafka keeps no order between these; "
                "docs/formats.md lists the choice of each client; a metric counts more such users",
                user,
                self._away[user],
                partition,
            )
        self._reported.add(user)
