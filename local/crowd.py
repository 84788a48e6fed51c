"""Simulated players, from a seed: their names, when they play, and their scores; pure.

The strength of a score is skill plus luck. Both are exponentially distributed, so a few players
lead the board, and a newcomer reaches it now and then. All players improve with each score, at a
rate that keeps the best five changing.
"""

import heapq
import math
import random
from collections.abc import Iterator, Sequence
from itertools import count
from typing import NamedTuple

PRACTICE = 2e-4  # strength that each score adds to later ones; sets how often the board changes
POINTS = 20_000  # at a strength of 1
FLATTENING = 1 / 3  # points are this power of the strength: they grow ever slower, without end
BREAK_ODDS = 1 / 8  # of a long pause after a play
BREAK_LENGTH = 20  # in short pauses

# Kinds of names: how often a kind is drawn, beginnings, ends.
KINDS: Sequence[tuple[int, str, str]] = (
    (8, "an be da el fin ja ka lu ma mi no ri sa te vi yu zo", "dra la lie lo na ne nik ra ro sha"),
    (
        6,
        "Al Bo Cas Dor Em Fer Jo Kat Mar Nel Os Pi Ro Sol Tam",
        "ana bert dis el ika ine ko lyn us",
    ),
    (3, "crit frost hex iron lava lucky mad moon neon pixel turbo", "_ace _bee _cat _fox _jo _kid"),
    (3, "Ál Ço Dø Ég Fré Jör Łu Ñan Öz Šim Ty Zoë", "an bjørn dís ek gül ína ko şe"),
    (2, "Ан Бог Вер Да Еле Ка Ма На Оль Ра Ти Юл", "дан на ник ра ра тя ша я"),
    (2, "Αλέ Δή Ελέ Ζω Θά Κα Μα Νί Σο", "ής κος λια μος να ξη φία"),
    (2, "あ か さ た な は み ゆ り", "おい くら けみ つき なこ のか り"),
    (2, "小 大 阿 雨 天 文 子", "明 龙 梅 涵 轩 雪 风"),
    (2, "김 박 이 정 최 한", "가온 민준 서윤 지우 하늘"),
    (1, "आ क दी न प्रि रा", "या रव नव पा हुल"),
    (1, "سا نو لي كر يا", "رة ر لى يم سر"),
    (1, "נו דנ יע אב שי", "ה י ל רם רה"),
    (1, "มา นา พิ ชา สุ", "ลี รี ดา ณี"),
)


class Player(NamedTuple):
    """A player; `skill` adds to the strength of a score, `pause` is a typical one, in seconds."""

    user: str
    skill: float
    pause: float


class Play(NamedTuple):
    """A score and when it is made, in seconds since the beginning."""

    at: float
    user: str
    score: int


def players(seed: int, number: int) -> list[Player]:
    """Make this number of players; no two have the same name."""
    dice = random.Random(seed)  # noqa: S311 - a game
    return [
        Player(user, dice.expovariate(1), dice.lognormvariate(0, 1))
        for user in _users(dice, number)
    ]


def plays(crowd: Sequence[Player], rate: float, seed: int, played: int = 0) -> Iterator[Play]:
    """Yield scores without end, `rate` a second in the long run, in the order of time.

    `played` is the number of scores that were made before: a game continues where it stopped.
    """
    dice = random.Random(f"{seed} {played}")  # noqa: S311 - a game
    pace = sum(1 / (_MEAN_PAUSE * player.pause) for player in crowd) / rate
    coming = [(_rest(dice, player, pace), player) for player in crowd]
    heapq.heapify(coming)
    for practised in count(played):
        at, player = coming[0]
        yield Play(at, player.user, _score(dice, player, practised))
        heapq.heapreplace(coming, (at + _pause(dice, player, pace), player))


_MEAN_PAUSE = 1 + BREAK_ODDS * (BREAK_LENGTH - 1)


def _pause(dice: random.Random, player: Player, pace: float) -> float:
    length = BREAK_LENGTH if dice.random() < BREAK_ODDS else 1
    return pace * length * player.pause * 2 * dice.random()


def _rest(dice: random.Random, player: Player, pace: float) -> float:
    """Draw the rest of the pause in which a player is at the start: more often a long one."""
    is_break = dice.random() < BREAK_ODDS * BREAK_LENGTH / _MEAN_PAUSE
    length = pace * (BREAK_LENGTH if is_break else 1) * player.pause
    return length * 2 * math.sqrt(dice.random()) * dice.random()


def _score(dice: random.Random, player: Player, practised: int) -> int:
    strength = player.skill + dice.expovariate(1) + PRACTICE * practised
    return round(POINTS * math.pow(strength, FLATTENING))


def _users(dice: random.Random, number: int) -> list[str]:
    kinds = [(first.split(), last.split()) for _, first, last in KINDS]
    weights = [weight for weight, _, _ in KINDS]
    users: dict[str, None] = {}  # a set that keeps its order
    while len(users) < number:
        (kind,) = dice.choices(kinds, weights)
        name = "".join(map(dice.choice, kind))
        users.setdefault(name if name not in users else f"{name}{dice.randrange(2, 5 * number)}")
    return list(users)
