"""How much one client may do."""

from hypothesis import given
from hypothesis import strategies as st

from web.access import limits
from web.access.limits import ConcurrencyLimiter, RateLimiter


def test_a_burst_is_granted_then_the_rate():
    limiter = RateLimiter(per_second=2, burst=3)
    waits = [limiter.acquire("a", now) for now in (0, 0, 0, 0, 0.25, 0.5, 0.5)]

    assert waits == [0, 0, 0, 0.5, 0.25, 0, 0.5]


def test_one_client_does_not_use_up_the_tokens_of_another():
    limiter = RateLimiter(per_second=1, burst=1)

    assert (limiter.acquire("a", 0), limiter.acquire("b", 0)) == (0, 0)
    assert limiter.acquire("a", 0) == 1


@given(st.lists(st.floats(0, 5), min_size=1, max_size=50))
def test_no_client_gets_more_than_its_burst_and_its_rate(pauses):
    limiter = RateLimiter(per_second=2, burst=3)
    now = 0.0
    granted = 0
    for pause in pauses:
        now += pause
        granted += limiter.acquire("a", now) == 0

    assert granted <= 3 + 2 * now + 1e-6


def test_a_rate_of_zero_is_no_limit():
    limiter = RateLimiter(per_second=0, burst=1)

    assert not any(limiter.acquire("a", 0) for _ in range(100))


def test_the_number_of_remembered_clients_is_bounded():
    limiter = RateLimiter(per_second=1, burst=1)
    for number in range(limits.CLIENTS + 10):
        limiter.acquire(str(number), 0)

    assert len(limiter._buckets) == limits.CLIENTS  # noqa: SLF001 - its bound has no other sign


def test_concurrency_is_limited_for_each_client_and_in_all_until_it_is_released():
    limiter = ConcurrencyLimiter(total=3, each=2)
    acquired = [limiter.acquire(client) for client in ("a", "a", "a", "b", "b")]
    limiter.release("b")
    third_of_a = limiter.acquire("a")
    limiter.release("a")

    assert acquired == [None, None, "client", None, "server"]
    assert third_of_a == "client"
    assert [limiter.acquire("a") for _ in range(2)] == [None, "client"]
    assert len(limiter) == 2


def test_a_client_without_streams_is_forgotten():
    limiter = ConcurrencyLimiter(total=0, each=2)
    for client in ("a", "a", "b"):
        limiter.acquire(client)
    for client in ("a", "b"):
        limiter.release(client)

    assert limiter._counts == {"a": 1}  # noqa: SLF001 - its bound has no other sign


def test_a_concurrency_of_zero_is_no_limit():
    limiter = ConcurrencyLimiter(total=0, each=0)

    assert not any(limiter.acquire("a") for _ in range(1000))
