"""What nobody should send: all of it is kept apart with its origin, and the good is counted."""

import random

from bench.runs import memory_mib
from tests.support import oracle, raw_header
from tests.support.load import some
from tests.support.processes import running
from tests.support.until import until_true

BYTES = [b'{"score":', b"}", b"[", b"]", b",", b"1", b"-", b"0", b"9" * 19, b'"', b"\xff", b" "]
MEGABYTE = 2**20  # what a topic takes, with everything around it
ROUND = 400  # large messages at a time


def noise(seed, count):
    """Make keys and values that look a little like good ones, or do by chance."""
    dice = random.Random(seed)
    for _ in range(count):
        user = dice.choice(["ann", "bob", b"\xff", b"", None, "y" * 4_097, dice.randbytes(3)])
        pieces = b"".join(dice.choices(BYTES, k=dice.randrange(5)))
        yield user, dice.choice([pieces, pieces, dice.randbytes(dice.randrange(9)), None])


def mixed(*streams):
    """Shuffle streams into one, each in its own order."""
    dice = random.Random(1)
    rest = [list(stream) for stream in streams]
    while rest := [stream for stream in rest if stream]:
        yield dice.choice(rest).pop(0)


def test_a_fuzzed_stream_is_sorted_correctly_to_the_last_message(names, game):
    with running(names) as flows:
        game.send(*mixed(noise(1, 1_500), some(1, 500), [("z", b" 7 "), ("z", b"8\n")]))
        game.drain()
        stops = [flow.stop() for flow in flows]

    assert stops == [[0], [0]]
    assert len(game.read("rejected")) > 500
    oracle.check(game.read)


def test_a_removal_with_a_header_that_cannot_be_read_stops_no_restore(names, game):
    """Its header is read twice: for the removal, and for the last origin."""
    game.send(("ann", b"5"))
    with running(names):
        game.drain()
    raw_header.write(game.settings.bootstrap_servers, game.name("high_scores"), b"ann", None)
    with running(names) as (highscores, _):
        until_true(lambda: highscores.restored() == 8, 30)
        said = highscores.said()

    assert "the header `origin` of b'ann' cannot be read, and 0 more like it" in said


def test_messages_near_the_size_limit_stop_nothing(names, game):
    nearly = MEGABYTE - 100
    huge = [
        ("ann", b"1" * nearly),
        ("ann", b"[" * nearly),
        ("ann", b'{"score":5,"x":"%b"}' % (b"x" * (nearly - 20))),
        ("k" * nearly, b"5"),
    ]
    with running(names):
        game.send(*some(1, 500), *huge * 8)
        game.drain()

    oracle.check(game.read)


def test_large_bad_messages_take_no_more_memory_the_more_there_are(names, game):
    """`highscores` holds what librdkafka reads ahead and what waits to be written, and no more."""
    bad = ("ann", b"x" * (MEGABYTE // 2))
    with running(names) as (highscores, _):
        peaks = []
        for _ in range(3):
            game.send(*[bad] * ROUND)
            until_true(lambda: game.lag() == 0, 60)
            peaks.append(memory_mib(highscores.processes[0].pid, "VmHWM"))

    assert len(game.read("rejected")) == 3 * ROUND
    assert peaks[2] - peaks[0] < 100, peaks  # MiB, of 400 that came between
