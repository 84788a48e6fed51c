"""How much one client may do."""

from ipaddress import ip_address

from hypothesis import given
from hypothesis import strategies as st

from tests.support.near import near_text
from web.access import limits
from web.access.limits import ConcurrencyLimiter, RateLimiter, client


def test_a_burst_is_granted_then_the_rate():
    buckets = RateLimiter(per_second=2, burst=3)
    waits = [buckets.take("a", now) for now in (0, 0, 0, 0, 0.25, 0.5, 0.5)]

    assert waits == [0, 0, 0, 0.5, 0.25, 0, 0.5]


def test_one_client_does_not_use_up_the_tokens_of_another():
    buckets = RateLimiter(per_second=1, burst=1)

    assert (buckets.take("a", 0), buckets.take("b", 0)) == (0, 0)
    assert buckets.take("a", 0) == 1


@given(st.lists(st.floats(0, 5), min_size=1, max_size=50))
def test_no_client_gets_more_than_its_burst_and_its_rate(pauses):
    buckets = RateLimiter(per_second=2, burst=3)
    now = 0.0
    granted = 0
    for pause in pauses:
        now += pause
        granted += buckets.take("a", now) == 0

    assert granted <= 3 + 2 * now + 1e-6


def test_no_rate_is_no_limit():
    buckets = RateLimiter(per_second=0, burst=1)

    assert not any(buckets.take("a", 0) for _ in range(100))


def test_clients_that_are_remembered_are_bounded():
    buckets = RateLimiter(per_second=1, burst=1)
    for number in range(limits.CLIENTS + 10):
        buckets.take(str(number), 0)

    assert len(buckets._buckets) == limits.CLIENTS  # noqa: SLF001 - its bound has no other sign


def test_places_are_limited_for_each_and_in_all_and_come_back():
    places = ConcurrencyLimiter(total=3, each=2)

    assert [places.take(name) for name in ("a", "a", "a", "b", "b")] == [
        True,
        True,
        False,
        True,
        False,
    ]
    places.leave("b")
    assert not places.take("a")
    places.leave("a")
    assert [places.take("a") for _ in range(2)] == [True, False]


def test_nobody_who_has_left_is_remembered():
    places = ConcurrencyLimiter(total=0, each=2)
    for name in ("a", "a", "b"):
        places.take(name)
    for name in ("a", "b"):
        places.leave(name)

    assert places._taken == {"a": 1}  # noqa: SLF001 - its bound has no other sign


def test_no_number_is_no_limit_for_places():
    places = ConcurrencyLimiter(total=0, each=0)

    assert all(places.take("a") for _ in range(1000))


def test_the_peer_is_the_client_unless_proxies_are_trusted():
    assert client("10.0.0.1", ["6.6.6.6"], 0) == "10.0.0.1"


def test_behind_proxies_the_client_is_who_the_outermost_one_saw():
    assert client("10.0.0.1", ["1.2.3.4"], 1) == "1.2.3.4"
    assert client("10.0.0.1", ["6.6.6.6, 1.2.3.4"], 1) == "1.2.3.4"
    assert client("10.0.0.1", ["6.6.6.6, 1.2.3.4", "10.0.0.2"], 2) == "1.2.3.4"


def test_a_forged_or_missing_header_falls_back_to_the_peer():
    assert client("10.0.0.1", [], 1) == "10.0.0.1"
    assert client("10.0.0.1", ["<script>"], 1) == "10.0.0.1"


def test_a_customer_of_ipv6_counts_once():
    one, other = client("2001:db8::1", [], 0), client("2001:db8::ffff", [], 0)

    assert one == other != client("2001:db8:0:1::1", [], 0)


def test_a_client_of_ipv4_counts_once_however_its_address_is_written():
    assert client("::ffff:1.2.3.4", [], 0) == client("1.2.3.4", [], 0) == "1.2.3.4"


HOPS = near_text(st.sampled_from([b"1.2.3.4, 5.6.7.8", b"::1", b"fe80::1%eth0", b"::ffff:1.2.3.4"]))


@given(st.lists(HOPS, max_size=3), st.integers(0, 3))
def test_whatever_proxies_say_the_client_is_an_address(lines, trusted):
    assert ip_address(client("10.0.0.1", lines, trusted))
