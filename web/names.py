"""The user that a name stands for, as the form writes it and as ranks are asked for it; pure."""

import unicodedata
from itertools import groupby

from dataflows.wire import INVISIBLE

MARKS = 30  # combining, in a row: no language needs more

_AROUND = INVISIBLE + "".join(filter(str.isspace, map(chr, range(0x3001))))  # white space


def normalize(name: str) -> str:
    """Return the user that a name stands for: NFC, without what nobody sees at its ends.

    A name with more than 30 combining marks in a row is not composed. Python sorts a run of marks
    by insertion: one of 260 kB would hold the interpreter's lock for ten seconds.
    Source: https://www.unicode.org/reports/tr15/#Stream_Safe_Text_Format
    """
    visible = name.strip(_AROUND)
    return visible if _has_many_marks(visible) else unicodedata.normalize("NFC", visible)


def _has_many_marks(name: str) -> bool:
    return any(is_mark and len(list(run)) > MARKS for is_mark, run in groupby(name, _is_mark))


def _is_mark(character: str) -> bool:
    return unicodedata.category(character).startswith("M")
