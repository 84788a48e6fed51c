"""Input that is nearly valid: it reaches parts of parsers that random bytes do not."""

from hypothesis import strategies as st

_PIECES = [b"\0", b"\xff", b"\xc2\xb2", b"\xd9\xa1", b"-", b"_", b" ", b"1" * 5_000, b"[" * 2_000]


def near(valid):
    """Return bytes that differ from valid ones in one place: some removed there, some added."""
    return st.builds(
        lambda value, begin, cut, put: value[:begin] + put + value[begin + cut :],
        valid,
        st.integers(0, 60),
        st.integers(0, 4),
        st.one_of(st.binary(max_size=3), st.sampled_from(_PIECES)),
    )


def near_text(valid):
    """Return the same as text, decoded as Latin-1 as headers are."""
    return near(valid).map(lambda value: value.decode("latin-1"))
