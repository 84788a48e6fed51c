"""`python -m conf`: print every setting and where its value comes from; secrets are hidden.

Each line is TOML, so what is printed can be a file for LEADERBOARD_SETTINGS.
"""

import json
import re
import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping, Sequence

from conf.arguments import add_version
from conf.loading import SECRETS, layers, load
from conf.settings import InvalidSettings

HARMLESS = re.compile(  # of the properties under `[kafka]` and `[schema_registry]`
    r'kafka\."?(client\.|compression\.|debug|enable\.|log_level|security\.protocol)'
    r"|schema_registry\.(url|timeout)$"
    r'|\.(bytes|kbytes|location|mechanisms?|messages|ms|username)"?$'
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the settings; status 1 and one line if they are bad."""
    add_version(ArgumentParser(prog="python -m conf", description=__doc__)).parse_args(arguments)
    try:
        settings = load()
    except InvalidSettings as error:
        print(error, file=sys.stderr)
        return 1
    sources = {name: source for source, values in layers() for name, _ in _flat(values)}
    lines = [
        _line(name, value, sources[name]) for name, value in _flat(settings.model_dump(mode="json"))
    ]
    print("\n".join(lines))
    return 0


def _line(name: str, value: object, source: str) -> str:
    is_secret = SECRETS.match(name) and not HARMLESS.search(name)
    shown = "***" if value and is_secret else value
    return f"{name} = {json.dumps(shown, ensure_ascii=False)} # {source}"


def _flat(values: Mapping[str, object], section: str = "") -> Iterator[tuple[str, object]]:
    for name, value in values.items():
        path = section + (f'"{name}"' if "." in name else name)
        if isinstance(value, Mapping):
            yield from _flat(value, f"{path}.")
        else:
            yield path, value


if __name__ == "__main__":
    sys.exit(main())
