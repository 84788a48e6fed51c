"""The app behind nginx and Caddy, as the documentation configures them and as people write them."""

import asyncio
import contextlib
import os
import re
import shutil
import socket
import ssl
import subprocess

import httpx
import pytest
import trustme
from httpx_sse import aconnect_sse

from dataflows.leaderboard import Board, Row
from local.claims import ports
from tests import ROOT
from tests.support.boards import shown
from tests.support.ending import ending
from tests.support.served import serving
from tests.support.until import until
from web.kafka.records import Receipt

NAME = "scores.example"
LONG = "x" * 1_000  # Caddy compresses no shorter answer
BOARDS = [
    shown(f"t:{score}", Board("all-time", 1, score, (Row(1, LONG, score, 7),))) for score in (1, 2)
]
SCORE = {"user": "ann", "score": "1"}
GZIP = "gzip on; gzip_proxied any; gzip_min_length 1; gzip_types text/event-stream;"


def documented(language):
    """Return the configurations of a language in the documentation."""
    text = (ROOT / "docs" / "running.md").read_text()
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def bare(location="/", more="", target=""):
    """Return nginx's configuration as people write it."""
    return (
        f"server {{ listen 127.0.0.1:443; {more}"
        f" location {location} {{ proxy_pass http://127.0.0.1:8000{target}; }} }}"
    )


NGINX = documented("nginx")[0]
CADDY, CADDY_AT_PATH = documented("caddy")
PLAIN_CADDY = CADDY.replace(NAME, f"http://{NAME}:443")
CASES = {
    "nginx": (NGINX, "/"),
    "nginx at a path": (
        NGINX.replace("location / {", "location /board/ {").replace("//scores;", "//scores/;"),
        "/board/",
    ),
    "nginx without a word": (bare(), "/"),
    "nginx with gzip": (bare(more=GZIP), "/"),
    "nginx without the port": (bare(more="proxy_set_header Host $host;"), "/"),
    "nginx without a word at a path": (bare("/board/", target="/"), "/board/"),
    "Caddy": (CADDY, "/"),
    "Caddy at a path": (CADDY_AT_PATH, "/board/"),
    "Caddy without TLS": (PLAIN_CADDY, "/"),
}


class Proxy:
    """A proxy in front of an app; httpx as a browser in front of both."""

    def __init__(self, configuration, path, trusting):
        self.is_nginx = "server {" in configuration
        self.is_tls = "ssl" in configuration or NAME + " {" in configuration
        self.configuration = configuration
        self.port = ports(0)[0]
        self.path = path
        self.origin = f"http{'s' if self.is_tls else ''}://{NAME}:{self.port}"
        self.trusting = trusting

    def browser(self, address="127.0.0.1"):
        """Return a client at an address of its own, that finds the proxy by its name."""
        return httpx.AsyncClient(
            base_url=self.origin + self.path,
            transport=ToThisMachine(verify=self.trusting, http2=True, local_address=address),
            headers={"Accept-Encoding": "gzip, deflate"},
        )

    def is_listening(self):
        with socket.socket() as sock:
            return sock.connect_ex(("127.0.0.1", self.port)) == 0

    @contextlib.contextmanager
    def running(self, app_port, folder, certificate):
        """Run the proxy for the length of the block."""
        command = self._nginx if self.is_nginx else self._caddy
        text = self.configuration.replace("127.0.0.1:8000", f"127.0.0.1:{app_port}")
        environment = {**os.environ, "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
        log = folder / "log"
        with log.open("w") as output:
            process = subprocess.Popen(
                command(text, folder, certificate), env=environment, stderr=output
            )
        try:
            with ending(process, 10):
                yield
        finally:
            print(log.read_text()[-2_000:])

    def _nginx(self, text, folder, certificate):
        text = re.sub(r"listen \S*443\b", f"listen 127.0.0.1:{self.port}", text)
        text = text.replace("/etc/ssl/scores.example.pem", certificate["certificate"])
        text = text.replace("/etc/ssl/scores.example.key", certificate["private_key"])
        temporary = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        paths = " ".join(f"{each}_temp_path {folder}/{each};" for each in temporary)
        (folder / "nginx.conf").write_text(
            f"daemon off; pid {folder}/pid; error_log stderr; events {{}}\n"
            f"http {{ access_log off; {paths}\n{text} }}"
        )
        return ["nginx", "-p", str(folder), "-e", "stderr", "-c", str(folder / "nginx.conf")]

    def _caddy(self, text, folder, certificate):
        files = f"{certificate['certificate']} {certificate['private_key']}"
        site = f"{NAME}:{self.port} {{\n" + (f"tls {files}\n" if self.is_tls else "")
        text = re.sub(rf"{NAME}\S* {{", site, text)
        settings = "admin off\nauto_https disable_redirects\ndefault_bind 127.0.0.1"
        (folder / "Caddyfile").write_text(f"{{\n{settings}\n}}\n{text}")
        return ["caddy", "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


class ToThisMachine(httpx.AsyncHTTPTransport):
    """Connects to this machine, whatever the name of the host is."""

    async def handle_async_request(self, request):
        return await super().handle_async_request(
            httpx.Request(
                request.method,
                request.url.copy_with(host="127.0.0.1"),
                headers=request.headers,
                stream=request.stream,
                extensions={**request.extensions, "sni_hostname": NAME},
            )
        )


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def certificate(authority, tmp_path):
    """Return the files of a certificate and its key."""
    issued = authority.issue_cert(NAME)
    files = {name: str(tmp_path / f"{name}.pem") for name in ("certificate", "private_key")}
    issued.cert_chain_pems[0].write_to_path(files["certificate"])
    issued.private_key_pem.write_to_path(files["private_key"])
    return files


@pytest.fixture(params=CASES)
def proxy(request, authority):
    made = Proxy(*CASES[request.param], ssl.create_default_context())
    authority.configure_trust(made.trusting)
    if not shutil.which(program := "nginx" if made.is_nginx else "caddy"):
        pytest.skip(f"{program} is not installed")
    return made


@contextlib.asynccontextmanager
async def serving_behind(proxy, monkeypatch, tmp_path, certificate, **web):
    """Yield the app behind the proxy; scores are taken for written."""

    async def produce(*_):
        return Receipt(0, 7)

    async with serving(monkeypatch, trusted_proxies=1, **web) as served:
        monkeypatch.setattr(served.services.producer, "produce", produce)
        with proxy.running(served.port, tmp_path, certificate):
            await until(proxy.is_listening)
            yield served


async def test_the_page_its_files_and_its_stream_come_through(
    proxy, monkeypatch, tmp_path, certificate
):
    async with (
        serving_behind(proxy, monkeypatch, tmp_path, certificate) as served,
        proxy.browser() as browser,
    ):
        served.feeds.put_boards(BOARDS[:1])
        page = await browser.get("")
        addresses = re.findall(r'(?:href|src|action)="([^"#]+)"', page.text)
        files = [await browser.get(each) for each in addresses if each != "newScore"]
        async with aconnect_sse(browser, "GET", "live") as source:
            events = (event async for event in source.aiter_sse() if event.event == "board")
            async with asyncio.timeout(2):
                before = await anext(events)
                await until(lambda: len(served.feeds.all_time.live))
                served.feeds.put_boards(BOARDS[1:])
                after = await anext(events)

    assert [file.status_code for file in files] == [200] * len(addresses[1:])
    assert not [each for each in addresses if each.startswith("/")]
    assert [before.data, after.data] == [board.document.decode() for board in BOARDS]
    assert source.response.headers["Content-Encoding"] == "identity"
    assert page.http_version == ("HTTP/2" if proxy.is_tls else "HTTP/1.1")


async def test_the_form_of_the_page_posts_and_that_of_another_site_does_not(
    proxy, monkeypatch, tmp_path, certificate
):
    async with (
        serving_behind(proxy, monkeypatch, tmp_path, certificate),
        proxy.browser() as browser,
        proxy.browser() as another,
    ):
        await browser.get("")
        own = await browser.post("newScore", data=SCORE, headers={"Origin": proxy.origin})
        evil = {"Origin": f"http://evil.example:{proxy.port}"}  # browsers send no cookie with it
        others = await another.post("newScore", data=SCORE, headers=evil)

    assert own.status_code == 303
    assert own.url.join(own.headers["Location"]).path == proxy.path
    assert others.status_code == 403


@pytest.mark.parametrize("proxy", ["nginx", "Caddy"], indirect=True)
async def test_a_documented_proxy_tells_clients_apart_and_hides_what_is_not_for_the_public(
    proxy, monkeypatch, tmp_path, certificate
):
    limits = {"posts_burst": 1, "posts_per_second": 0.01, "hosts": (NAME,)}
    async with serving_behind(proxy, monkeypatch, tmp_path, certificate, **limits):
        statuses = []
        for address in ("127.0.0.1", "127.0.0.1", "127.0.0.2"):
            async with proxy.browser(address) as browser:
                statuses.append((await browser.post("newScore", data=SCORE)).status_code)
        async with proxy.browser() as browser:
            private = [await browser.get(each) for each in ("metrics", "ready", "health")]

    assert statuses == [303, 429, 303]
    assert [each.status_code for each in private] == [404] * 3
