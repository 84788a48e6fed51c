"""How many scores a second arrive."""

import json

from web.live.rate import KEPT, Ends, Rates, encode


def put(rates, *ends):
    return [rates.put(Ends(time, dict(enumerate(partitions)))) for time, *partitions in ends]


def shown(rates):
    return [json.loads(encode(rate)) for rate in rates.rates()]


def test_a_rate_is_what_arrived_over_all_partitions_in_the_time_that_passed():
    rates = Rates()
    put(rates, (1_000, 10, 20), (3_000, 15, 2_021))

    assert shown(rates) == [{"time": 3_000, "per_second": 1_003.0}]


def test_while_nothing_arrives_only_the_first_zero_is_news():
    rates = Rates()
    news = put(rates, (1_000, 0), (2_000, 0), (3_000, 7), (4_000, 7), (5_000, 7), (6_000, 9))

    assert news == [False, False, True, True, False, True]
    assert [rate["per_second"] for rate in shown(rates)] == [7, 0, 2]


def test_a_topic_made_anew_or_with_more_partitions_gives_no_rate_at_first():
    rates = Rates()
    news = put(rates, (1_000, 50), (2_000, 3), (3_000, 4), (4_000, 4, 90), (4_000, 9, 99))

    assert news == [False, False, True, False, False]


def test_the_last_sixty_are_kept():
    rates = Rates()
    put(rates, *((1_000 * each, each * each) for each in range(100)))

    assert len(shown(rates)) == KEPT
    assert shown(rates)[-1] == {"time": 99_000, "per_second": 197.0}
