"""What tests send: scores that all differ and mostly improve, in one go or all the while."""

import contextlib
import itertools
import random
import threading

USERS = 60
BATCH = 20  # scores
PAUSE_SECONDS = 0.03


def rising(seed, tombstones=0.01):
    """Make scores without end, each greater than all before it, with a tombstone now and then.

    Those of a greater seed are greater.
    """
    dice = random.Random(seed)
    for number in itertools.count(seed * 10**9, 1_000):
        user = f"user{dice.randrange(USERS)}"
        score = b"%d" % (number + dice.randrange(1_000))
        yield user, None if dice.random() < tombstones else score


def some(seed, count, tombstones=0.01):
    """Make that many of them."""
    return itertools.islice(rising(seed, tombstones), count)


def load(game, seed=1):
    """Send some 600 of them a second for the length of the block."""
    scores = rising(seed)
    return repeated(lambda: game.send(*itertools.islice(scores, BATCH)))


def playing(game, played):
    """Play some 600 scores a second, as long as there are any, for the length of the block."""
    return repeated(lambda: game.play(itertools.islice(played, BATCH)))


@contextlib.contextmanager
def repeated(act, pause_seconds=PAUSE_SECONDS):
    """Do something all the while, in a thread, for the length of the block."""
    done = threading.Event()

    def repeat():
        while not done.wait(pause_seconds):
            act()

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(90)
        assert not thread.is_alive()
