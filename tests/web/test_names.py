"""A name is normalized as the form does it, however many marks it has, in time."""

import sys
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.names import MARKS, normalize

ACUTE, CEDILLA = "\u0301", "\u0327"  # NFC swaps them


@given(st.text(max_size=MARKS))
def test_a_name_becomes_nfc_without_what_nobody_sees_at_its_ends(name):
    around = "\ufeff\u200b\u2060\x85\u3000 "
    user = normalize(around + name + around)

    assert unicodedata.is_normalized("NFC", user)
    assert user == normalize(user) == normalize(name)


@pytest.mark.parametrize(("marks", "is_composed"), [(MARKS, True), (MARKS + 1, False)])
def test_a_name_with_more_marks_in_a_row_than_any_language_needs_is_not_composed(
    marks, is_composed
):
    name = "xe" + ACUTE * marks + "e" + ACUTE

    assert (normalize(name) == unicodedata.normalize("NFC", name)) == is_composed
    assert (normalize(f" {name} ") == name) != is_composed


def test_whatever_nfc_sorts_is_a_mark():
    characters = map(chr, [*range(0xD800), *range(0xE000, sys.maxunicode + 1)])
    sorted_by_nfc = [
        each for each in characters if unicodedata.combining(unicodedata.normalize("NFD", each)[0])
    ]

    assert len(sorted_by_nfc) > 900
    assert all(unicodedata.category(each).startswith("M") for each in sorted_by_nfc)


@pytest.mark.parametrize(
    "name",
    [
        "a" + (ACUTE + CEDILLA) * 65_000,
        "\u0f73" * 87_000,  # of no combining class itself
        ("a" + (ACUTE + CEDILLA) * (MARKS // 2)) * 4_000,
    ],
    ids=["one run", "decomposed marks", "the longest runs that are sorted"],
)
def test_260_kb_of_marks_are_no_work(name):
    began = time.thread_time()
    normalize(name)

    assert time.thread_time() - began < 0.5  # 0.03; the first two took 10
