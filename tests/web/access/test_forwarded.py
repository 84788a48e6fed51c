"""What is believed of the headers of proxies."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.near import near_text
from web.access.forwarded import asked_host, client_address

PEER = "10.0.0.1"


def test_the_peer_is_the_client_unless_proxies_are_trusted():
    assert client_address(PEER, ["6.6.6.6"], 0) == PEER


def test_behind_proxies_the_client_is_the_address_that_the_outermost_one_saw():
    assert client_address(PEER, ["1.2.3.4"], 1) == "1.2.3.4"
    assert client_address(PEER, ["6.6.6.6, 1.2.3.4"], 1) == "1.2.3.4"
    assert client_address(PEER, ["6.6.6.6, 1.2.3.4", "10.0.0.2"], 2) == "1.2.3.4"


def test_a_request_that_passed_by_the_outermost_proxy_is_that_of_its_own_client():
    assert client_address(PEER, ["1.2.3.4"], 2) == "1.2.3.4"


def test_a_forged_or_missing_header_falls_back_to_the_peer():
    assert client_address(PEER, [], 1) == PEER
    assert client_address(PEER, ["<script>"], 1) == PEER


@pytest.mark.parametrize("seen", ["1.2.3.4", "1.2.3.4:5678", '"1.2.3.4"', '"1.2.3.4:5678"'])
def test_an_address_is_read_however_a_proxy_writes_it(seen):
    assert client_address(PEER, [f"6.6.6.6, {seen}"], 1) == "1.2.3.4"


@pytest.mark.parametrize(
    "seen", ["2001:db8::7", "[2001:db8::7]", '"[2001:db8::7]"', "[2001:db8::7]:80", "2001:DB8::7"]
)
def test_an_ipv6_address_is_read_however_a_proxy_writes_it(seen):
    assert client_address(PEER, [seen], 1) == "2001:db8::"


def test_all_ipv6_addresses_of_a_customer_count_as_one_client():
    one, other = client_address("2001:db8::1", [], 0), client_address("2001:db8:0:ffff::1", [], 0)

    assert one == other != client_address("2001:db8:1::1", [], 0)


def test_an_ipv4_address_counts_as_one_client_however_it_is_written():
    assert client_address("::ffff:1.2.3.4", [], 0) == client_address("1.2.3.4", [], 0) == "1.2.3.4"


def test_the_host_is_what_the_outermost_proxy_was_asked_for():
    assert asked_host("10.0.0.9:8000", [], 1) == "10.0.0.9:8000"
    assert asked_host("10.0.0.9:8000", ["scores.example"], 1) == "scores.example"
    assert asked_host("10.0.0.9:8000", ["evil.example, scores.example"], 1) == "scores.example"
    assert asked_host("scores.example", ["evil.example"], 0) == "scores.example"


HOPS = near_text(
    st.sampled_from(
        [b"1.2.3.4, 5.6.7.8", b"::1", b"fe80::1%eth0", b"::ffff:1.2.3.4", b'"[::1]:80"']
    )
)


@given(st.lists(HOPS, max_size=3), st.integers(0, 3))
def test_whatever_proxies_send_the_client_is_an_address(lines, trusted):
    assert ip_address(client_address(PEER, lines, trusted))
    assert isinstance(asked_host("a", lines, trusted), str)
