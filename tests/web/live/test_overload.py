"""More than the process can send: the age of a client's newest board stays bounded."""

import asyncio
import itertools
import re
import threading
import time

from conf.loading import load
from dataflows.leaderboard import Board, Row
from tests.support.boards import shown
from tests.support.crowding import crowding
from tests.support.until import until
from web.clock import now_ms
from web.live.feeds import Feeds, newest_boards
from web.live.recent import Score
from web.threads import OnLoop, PendingCalls

CLIENTS = 200
WRITE_SECONDS = 0.001  # so all clients together take longer than the pause between two boards
LOAD_SECONDS = 3
RATE = 100  # of boards and of scores, a second
MOST_SECONDS = 2  # of age, and to catch up after the load
UPDATED = re.compile(rb'"updated":(\d+)')


class SlowSubscriber:
    """A client to which each write takes a millisecond of the loop; it notes ages of boards."""

    def __init__(self):
        self.ages = []
        self.newest = 0

    def is_writable(self):
        return True

    def write(self, chunk):
        time.sleep(WRITE_SECONDS)
        if found := UPDATED.findall(chunk.plain):
            self.newest = int(found[-1])
            self.ages.append(time.time() - self.newest / 1000)
        return True

    def end(self):
        pass

    def cut(self):
        pass


def board(now):
    return Board("all-time", 1, now, (Row(1, "ann", now, now),))


class Load:
    """Boards and scores from a thread, as the topic readers bring them."""

    def __init__(self, feeds, pending):
        self.last = 0
        self._put_boards = pending.wrap(feeds.put_boards, newest_boards)
        self._put_scores = pending.wrap(feeds.put_scores)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self._thread.start()

    def is_over(self):
        return not self._thread.is_alive()

    def _run(self):
        end = time.monotonic() + LOAD_SECONDS
        for number in itertools.count():
            if time.monotonic() > end:
                return
            self.last = now_ms()
            self._put_boards([shown(f"t:{number}", board(self.last))])
            self._put_scores([Score(self.last, 0, number, "ann", number)])
            time.sleep(1 / RATE)


async def test_no_board_is_old_under_overload_and_the_newest_arrives_soon_after_it():
    on_loop, feeds = OnLoop(), Feeds(load().web)
    on_loop.bind()
    feeds.lateness.start()
    clients = [SlowSubscriber() for _ in range(CLIENTS)]
    for client in clients:
        feeds.all_time.live.add(client, 0)
    given = Load(feeds, pending := PendingCalls(on_loop))
    given.start()
    await until(given.is_over, 10 * LOAD_SECONDS)
    over = time.monotonic()
    await until(lambda: all(client.newest == given.last for client in clients))
    seconds = time.monotonic() - over
    feeds.end()
    await asyncio.sleep(0)

    assert max(max(client.ages) for client in clients) < MOST_SECONDS * crowding()
    assert seconds < MOST_SECONDS * crowding()
    assert min(len(client.ages) for client in clients) >= LOAD_SECONDS / crowding()
    assert pending.merged
    assert feeds.lateness.seconds > WRITE_SECONDS
