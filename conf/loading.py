"""Load the settings: `settings.toml`, over it the file that the environment names, then that.

Whatever is wrong becomes one line that names the setting, and shows no secret.
"""

import os
import re
import socket
import ssl
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from conf import clients, environment
from conf.logs import set_up_logging
from conf.settings import InvalidSettings, Settings, Web

DEFAULTS = Path(__file__).with_name("settings.toml")

# Settings whose values no error shows.
SECRETS = re.compile(r"kafka\b|schema_registry\b|web\.token\b")


def load() -> Settings:
    """Load the settings and check them, properties of librdkafka too.

    Raises:
        InvalidSettings: With one line that names the unknown name, the bad value or the file.
    """
    values: dict[str, Any] = {}
    for _, layer in layers():
        values = _merge(values, layer)
    _check_lines(values)
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        raise InvalidSettings(_line(error)) from error
    clients.check(settings)
    return settings


def layers() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield where settings come from, and the values that are there; later ones override earlier.

    Raises:
        InvalidSettings: As in `load`, for files and variables that cannot be read.
    """
    defaults = read_toml(DEFAULTS)
    yield "default", defaults
    if file := os.environ.get(environment.FILE_VARIABLE):
        yield file, read_toml(file)
    for path, value in environment.values(os.environ, defaults):
        yield "environment", _nest(path, value)


def start(part: str) -> Settings:
    """Load the settings of a program, and set up its log by them.

    Its Kafka clients are named after it, unless `[kafka]` has a `client.id`.

    Raises:
        InvalidSettings: As in `load`.
    """
    settings = load()
    set_up_logging(part, settings.log)
    name = f"leaderboard-{part}"
    return settings.model_copy(update={"kafka": {"client.id": name, **settings.kafka}})


def check_web(web: Web) -> None:
    """Check what only the machine of the web app has: its host, the files of its certificate.

    Raises:
        InvalidSettings: With one line that names the setting.
    """
    try:
        socket.getaddrinfo(web.host or None, web.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        msg = f"setting web.host: {error} (it is {web.host!r})"
        raise InvalidSettings(msg) from error
    if web.certificate:
        _check_file("web.certificate", web.certificate)
        _check_file("web.private_key", web.private_key)
        _check_certificate(web)


def _check_file(name: str, path: str) -> None:
    try:
        Path(path).open("rb").close()
    except OSError as error:
        msg = f"setting {name}: {error.strerror} (it is {path!r})"
        raise InvalidSettings(msg) from error


def _check_certificate(web: Web) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # Without this answer OpenSSL would ask the terminal for the password of a key.
        context.load_cert_chain(web.certificate, web.private_key, password=lambda: "")
    except OSError as error:
        msg = f"settings web.certificate and web.private_key: {error}"
        raise InvalidSettings(msg) from error


def read_toml(path: str | Path, what: str = "settings file") -> dict[str, Any]:
    """Read a file; an error begins with `what` it is.

    Raises:
        InvalidSettings: With one line that names the file and the reason.
    """
    try:
        return tomllib.loads(Path(path).read_text("utf-8"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        msg = f"{what} {str(path)!r}: {reason}"
        raise InvalidSettings(msg) from error


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return `below` with the values of `above`, section by section."""
    return {**below, **above} | {
        name: _merge(below[name], above[name])
        for name in below.keys() & above.keys()
        if isinstance(below[name], dict) and isinstance(above[name], dict)
    }


def _check_lines(value: object, name: str = "") -> None:
    """Refuse a text of several lines that is no PEM, and do not show it: it may be a key."""
    if isinstance(value, dict):
        for key, each in value.items():
            _check_lines(each, f"{name}.{key}" if name else key)
    elif isinstance(value, list):
        for each in value:
            _check_lines(each, name)
    elif isinstance(value, str) and re.search(r"[\r\n]", value) and not name.endswith(".pem"):
        msg = f"setting {name}: its value has several lines; is it the content of a file?"
        raise InvalidSettings(msg)


def _nest(path: list[str], value: object) -> dict[str, Any]:
    first, *rest = path
    return {first: _nest(rest, value) if rest else value}


def _line(error: ValidationError) -> str:
    first = error.errors()[0]
    name = ".".join(map(str, first["loc"]))
    if first["type"] == "extra_forbidden":
        return f"unknown setting {name}: see conf/settings.toml"
    is_shown = not isinstance(first["input"], dict) and not SECRETS.match(name)
    value = f" (it is {first['input']!r})" if is_shown else ""
    return f"setting {name}: {first['msg'].removeprefix('Value error, ')}{value}"
