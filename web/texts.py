"""The texts of the page, `texts.toml`, and their translation, which is one more file like it.

The templates fill them in here, the scripts by `static/texts.js`. What the server says to programs
too, such as a problem of `/ready` or why it refuses a post, is English on the page as well.
"""

import logging
import re
from collections.abc import Mapping
from pathlib import Path

from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup, escape

from conf.loading import read_toml
from conf.settings import InvalidSettings

log = logging.getLogger(__name__)

ENGLISH = Path(__file__).with_name("texts.toml")
PLACE = re.compile(r"\{(\w+)\}")  # as static/texts.js has it


class Texts:
    """The texts by name; `json` has all of them for a `<script>`."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = {name: escape(text) for name, text in texts.items()}
        self._separator = texts["separator"]
        self.json = htmlsafe_json_dumps(dict(texts))

    def group(self, number: int) -> str:
        """Write a whole number as the scripts do, if the language of the viewer is the page's."""
        return f"{number:,}".replace(",", self._separator)

    def fill(self, name: str, **values: object) -> Markup:
        """Return a text with these values in its places. What is no markup is escaped."""
        return Markup(PLACE.sub(lambda place: escape(values[place[1]]), self._texts[name]))  # noqa: S704 - escaped


def load(path: str) -> Texts:
    """Load a translation, "" for English. A text that it does not have is logged and stays English.

    Raises:
        InvalidSettings: With one line that names the file, and the text that is unknown or has a
            place that nothing fills.
    """
    english = read_toml(ENGLISH)
    translated = read_toml(path, "setting web.texts:") if path else english
    for name, text in translated.items():
        if reason := _fault(english.get(name), text):
            msg = f"setting web.texts: {name}: {reason} (in {path!r})"
            raise InvalidSettings(msg)
    if missing := english.keys() - translated.keys():
        log.warning("%s has not these texts: %s", path, ", ".join(sorted(missing)))
    return Texts({**english, **translated})


def _fault(english: str | None, text: object) -> str:
    """Return what is wrong with a translated text, or ""."""
    if english is None:
        return "there is no such text"
    if not isinstance(text, str):
        return "it is no text"
    unknown = set(PLACE.findall(text)) - set(PLACE.findall(english))
    return f"nothing fills {{{min(unknown)}}}" if unknown else ""
