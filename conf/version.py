"""The version of all programs, which `pyproject.toml` names."""

import tomllib
from functools import cache
from pathlib import Path

_PROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"


@cache
def version() -> str:
    """Return the version."""
    found: str = tomllib.loads(_PROJECT.read_text("utf-8"))["project"]["version"]
    return found
