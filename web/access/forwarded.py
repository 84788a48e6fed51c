"""What trusted proxies report of a request: the client's address, the host it asked for; pure.

Each proxy appends what it saw to a header, so with n trusted proxies the n-th value from the end is
what the outermost one saw; whatever is before it may be forged.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address

CUSTOMER_BITS = 48  # of an IPv6 address: the largest network that one customer gets


def client_address(peer: str, forwarded_for: Sequence[str], trusted_proxies: int) -> str:
    """Return the address by which a client is limited.

    An IPv6 client counts by its /48.

    Args:
        peer: The address at the other end of the connection.
        forwarded_for: The lines of X-Forwarded-For. Proxies add ports, brackets and quotes.
        trusted_proxies: How many of them to believe.
    """
    try:
        address = _address(_seen(forwarded_for, trusted_proxies) or peer)
    except ValueError:
        return peer
    if isinstance(address, IPv4Address):
        return str(address)
    unused = 128 - CUSTOMER_BITS
    return str(address.ipv4_mapped or IPv6Address(int(address) >> unused << unused))


def asked_host(host: str, forwarded_host: Sequence[str], trusted_proxies: int) -> str:
    """Return the host that a client asked for, by the lines of X-Forwarded-Host, or else Host."""
    return _seen(forwarded_host, trusted_proxies) or host


def _seen(lines: Sequence[str], trusted_proxies: int) -> str:
    """Return what the outermost trusted proxy saw, "" if there is nothing to believe."""
    hops = [hop.strip() for line in lines for hop in line.split(",")]
    return hops[-min(trusted_proxies, len(hops))] if hops and trusted_proxies else ""


def _address(text: str) -> IPv4Address | IPv6Address:
    """Read `1.2.3.4`, `1.2.3.4:80`, `2001:db8::1`, `[2001:db8::1]:80`, each with quotes or not.

    Raises:
        ValueError: It is none of them.
    """
    text = text.strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    return ip_address(text)
