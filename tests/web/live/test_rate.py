"""How many scores a second arrive."""

import json

from web.live.rate import KEPT, EndOffsets, RateMeter, encode


def update(meter, *ends):
    return [
        meter.update(EndOffsets(time, dict(enumerate(partitions)))) for time, *partitions in ends
    ]


def shown(meter):
    return [json.loads(encode(rate)) for rate in meter.rates()]


def test_a_rate_is_what_arrived_over_all_partitions_in_the_time_that_passed():
    meter = RateMeter()
    update(meter, (1_000, 10, 20), (3_000, 15, 2_021))

    assert shown(meter) == [{"time": 3_000, "per_second": 1_003.0}]


def test_while_nothing_arrives_only_the_first_zero_is_kept():
    meter = RateMeter()
    news = update(meter, (1_000, 0), (2_000, 0), (3_000, 7), (4_000, 7), (5_000, 7), (6_000, 9))

    assert news == [False, False, True, True, False, True]
    assert [rate["per_second"] for rate in shown(meter)] == [7, 0, 2]


def test_a_recreated_topic_or_one_with_more_partitions_has_no_rate_at_first():
    meter = RateMeter()
    news = update(meter, (1_000, 50), (2_000, 3), (3_000, 4), (4_000, 4, 90), (4_000, 9, 99))

    assert news == [False, False, True, False, False]


def test_the_last_sixty_are_kept():
    meter = RateMeter()
    update(meter, *((1_000 * each, each * each) for each in range(100)))

    assert len(shown(meter)) == KEPT
    assert shown(meter)[-1] == {"time": 99_000, "per_second": 197.0}
