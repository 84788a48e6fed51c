"""The settings in the environment: LEADERBOARD_, then the name, with __ between the levels.

With _FILE after the name, the value is in the file of that path: how secrets reach containers.
Properties of librdkafka whose own names end so are none of these. Settings that are paths are
refused with it: the content of a key would stand where errors show a path.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from conf.settings import InvalidSettings

PREFIX = "LEADERBOARD_"
FROM_FILE = "_FILE"
PROPERTIES = {"kafka", "schema_registry"}  # sections of any property of a library
FILE_VARIABLE = f"{PREFIX}SETTINGS"

# Properties that are paths themselves. Source:
# https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md
_PATHS = {
    "sasl.oauthbearer.assertion.file",
    "sasl.oauthbearer.assertion.jwt.template.file",
    "sasl.oauthbearer.assertion.private.key.file",
}
_PATH_SETTING = re.compile(r"web\.(certificate|private_key)|(kafka|schema_registry)\..+\.location")

# What Kubernetes sets in every pod for a Service whose name begins with "leaderboard". Source:
# https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
_OF_A_SERVICE = re.compile(
    r"\w+_SERVICE_(HOST|PORT|PORT_\w+)="
    r"|\w*[A-Z0-9]_PORT(_\d+_(TCP|UDP|SCTP))?=(tcp|udp|sctp)://"
    r"|\w*[A-Z0-9]_PORT_\d+_(TCP|UDP|SCTP)_(PROTO|PORT|ADDR)="
)


def values(
    environment: Mapping[str, str], defaults: Mapping[str, Any]
) -> Iterator[tuple[list[str], object]]:
    """Yield the path of each setting, such as `["web", "port"]`, and its value.

    `defaults` has all settings. Variables that Kubernetes sets are ignored.

    Raises:
        InvalidSettings: A variable names no setting, its value is not JSON where it must be, or its
            file cannot be read.
    """
    for variable, text in sorted(environment.items()):
        name = variable.upper()
        if not name.startswith(PREFIX) or name == FILE_VARIABLE:
            continue
        if not _OF_A_SERVICE.match(f"{name}={text}"):
            is_in_file = name.endswith(FROM_FILE) and _path(name)[-1] not in _PATHS
            path = _path(name.removesuffix(FROM_FILE) if is_in_file else name)
            setting = f"{'.'.join(path)} ({variable})"
            if is_in_file and _is_path(path):
                msg = f"setting {setting}: this setting is a path: leave out {FROM_FILE}"
                raise InvalidSettings(msg)
            value = _read(setting, text) if is_in_file else text
            yield path, _parse(setting, value, _default(path, defaults))


def _is_path(path: list[str]) -> bool:
    return path[-1] in _PATHS or _PATH_SETTING.fullmatch(".".join(path)) is not None


def _read(setting: str, path: str) -> str:
    """Return the text of a file without the ends of its last line."""
    try:
        return Path(path).read_text("utf-8").rstrip("\r\n")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        shown = f" (it is {path!r})" if path.startswith("/") else ""  # else it may be the secret
        msg = f"setting {setting}: {reason}{shown}"
        raise InvalidSettings(msg) from error


def _path(name: str) -> list[str]:
    section, _, rest = name.removeprefix(PREFIX).lower().partition("__")
    if section in PROPERTIES and rest:
        return [section, re.sub("_+", ".", rest).replace("log.level", "log_level")]
    return [section, *(rest.split("__") if rest else ())]


def _default(path: list[str], defaults: Mapping[str, Any]) -> object:
    if path[0] in PROPERTIES and path[1:]:
        return ""  # any property
    found: Any = defaults
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _parse(setting: str, text: str, default: object) -> object:
    """Parse a list or a section; all other texts stay as they are, for pydantic to convert."""
    if default is None:
        msg = f"unknown setting {setting}: see conf/settings.toml"
        raise InvalidSettings(msg)
    if not isinstance(default, dict | list):
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        example = '["a.org"]' if isinstance(default, list) else '{"name": "value"}'
        msg = f"setting {setting} must be JSON such as {example}"
        raise InvalidSettings(msg) from error
