"""A table has the users of its partition, and whoever else is there is named."""

from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import Message

from dataflows.kafka import table
from dataflows.kafka.partitioner import partition_of
from dataflows.process import FlowFailed
from dataflows.wire import score_codec

USERS = [b"user%d" % number for number in range(32)]


def decoder(partition, partitions):
    topic: Any = SimpleNamespace(name="high-scores", partitions=partitions)
    return table.TableDecoder(topic, partition, score_codec("json"))


def best(user, partition, **headers):
    given: Any = list(headers.items())
    return Message("high-scores", partition, 7, user, b"5", headers=given, timestamp=(1, 1))


@pytest.mark.parametrize("mark", [{"origin": b"id:1/0/7"}, {"rekeyed": b"1"}], ids=str)
def test_a_table_whose_users_belong_elsewhere_since_partitions_were_added_is_refused(mark):
    user = next(user for user in USERS if partition_of(user, 2) == 0 != partition_of(user, 3))
    reader = decoder(0, 3)
    rows = reader.decode([best(user, 0, **mark)])[""]

    assert rows.users == []
    with pytest.raises(FlowFailed, match=f"1 users, such as {user!r}, belong to another of its 3"):
        reader.check_strays()


def test_a_user_that_another_program_wrote_to_the_wrong_partition_is_left_out(caplog):
    stray, own = (next(user for user in USERS if partition_of(user, 3) == each) for each in (1, 0))
    reader = decoder(0, 3)
    rows = reader.decode([best(stray, 0), best(own, 0)])[""]
    reader.check_strays()

    assert (rows.users, rows.scores) == ([own], [5])
    assert f"high-scores[0]@7: the key {stray!r} is not a user of this partition" in caplog.text
