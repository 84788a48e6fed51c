"""Certificates of an authority of this machine's own, as PEM files that are made once."""

from pathlib import Path

import trustme
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

CA = "ca.pem"


def make(folder: Path, names: tuple[str, ...], hosts: tuple[str, ...]) -> None:
    """Write `ca.pem`, and for each name a certificate `NAME.pem`, its key before it.

    The certificates are good for these hosts, names or addresses.

    Where `ca.pem` is there nothing is made: it is written last.
    """
    if (folder / CA).exists():
        return
    authority = trustme.CA()
    for name in names:
        issued = authority.issue_cert(*hosts, common_name=name)
        chain = b"".join(each.bytes() for each in issued.cert_chain_pems)
        write_private(folder / f"{name}.pem", _as_pkcs8(issued.private_key_pem.bytes()) + chain)
    authority.cert_pem.write_to_path(folder / CA)


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(content)


def _as_pkcs8(pem: bytes) -> bytes:
    """Convert a private key to the only format that Kafka reads from PEM files."""
    key = load_pem_private_key(pem, None)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
