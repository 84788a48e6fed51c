"""A renewed certificate reaches new connections without a restart; a broken one changes nothing."""

import asyncio
import ssl

import pytest
import trustme
from cryptography.x509 import load_der_x509_certificate

from tests.support.served import serving
from tests.support.until import until
from web.server import certificate


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Return the settings of `[web]` for TLS, whose files are looked at all the time."""
    monkeypatch.setattr(certificate, "CHECK_SECONDS", 0.01)
    return {
        "certificate": str(tmp_path / "certificate.pem"),
        "private_key": str(tmp_path / "key.pem"),
    }


@pytest.fixture
def authority():
    return trustme.CA()


def write(files, authority, *parts):
    """Issue a certificate; write these parts of it, and return its number."""
    issued = authority.issue_cert("localhost")
    if "certificate" in parts:
        issued.cert_chain_pems[0].write_to_path(files["certificate"])
    if "private_key" in parts:
        issued.private_key_pem.write_to_path(files["private_key"])
    pem = issued.cert_chain_pems[0].bytes().decode()
    return load_der_x509_certificate(ssl.PEM_cert_to_DER_cert(pem)).serial_number


async def served_number(served, authority):
    """Return the number of the certificate that a new connection gets."""
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    _, writer = await asyncio.open_connection(
        "127.0.0.1", served.port, ssl=trusting, server_hostname="localhost"
    )
    found = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return load_der_x509_certificate(found).serial_number


async def until_served(served, authority, number):
    async with asyncio.timeout(10):
        while await served_number(served, authority) != number:
            pass


async def test_a_renewed_certificate_reaches_new_connections(files, authority, monkeypatch):
    first = write(files, authority, *files)
    async with serving(monkeypatch, **files) as served:
        before = await served_number(served, authority)
        second = write(files, authority, *files)
        await until_served(served, authority, second)

    assert before == first


async def test_a_certificate_without_its_key_changes_nothing_until_the_key_is_there(
    files, authority, monkeypatch, caplog
):
    first = write(files, authority, *files)
    async with serving(monkeypatch, **files) as served:
        write(files, authority, "certificate")
        await until(lambda: "the old certificate stays" in caplog.text)
        kept = await served_number(served, authority)
        last = write(files, authority, *files)
        await until_served(served, authority, last)

    assert kept == first
