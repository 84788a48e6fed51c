"""A candidate that writes the right bests of a tiny game, half of them four seconds later."""

import signal
import time

from bench import game as games
from bench.game import Game
from bench.topics import producer
from conf.loading import load

settings = load()
best = list(games.expected(Game(1_000, 50)).best.items())
out = producer(settings)
for half in (best[::2], best[1::2]):
    for user, score in half:
        out.produce(settings.topics.high_scores.name, b"%d" % score, user)
    out.flush(10)
    time.sleep(4)
signal.pause()
