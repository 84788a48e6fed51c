"""The files of the page, read once: their version names all of them, so a page never mixes two."""

from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

STATIC = Path(__file__).parent / "static"
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


class File(NamedTuple):
    """The content of a file, and what names it in a cache."""

    content: bytes
    mimetype: str
    etag: str


class Files:
    """The files of a folder as they are now; `version` changes with any name or content."""

    def __init__(self, folder: Path) -> None:
        self._files = {
            path.relative_to(folder).as_posix(): _read(path)
            for path in sorted(folder.rglob("*"))
            if path.suffix in TYPES
        }
        names = "".join(f"{name} {file.etag}\n" for name, file in self._files.items())
        self.version = _digest(names.encode())

    def find(self, name: str) -> File | None:
        """Return the file of this name, such as `css/page.css`."""
        return self._files.get(name)


def _read(path: Path) -> File:
    content = path.read_bytes()
    return File(content, TYPES[path.suffix], _digest(content))


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()[:16]
