"""What a torture does and when, all of it drawn from a seed: waves of calls, weather, faults.

A torture is a sequence of acts. An act is a wave of calls, the weather at the endpoints while it is told, and
faults one after the other in the meantime; it ends when the wave is told, the faults are over and the workers
have caught up. So nothing depends on how fast the machine is but the times.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agents.demo.receiver import Script
from tests.system.load import Mixture
from tests.system.torture.weather import Weather, draw_weather

ORDERLY = (
    *("end node reached", "end node reached, agent hangs up", "end node reached and named"),
    *("caller hangs up", "transferred", "no answer"),
)
"""Calls whose verdict can only rise when one of their producers is held up longer than the grace."""

_WAVE_SECONDS = (30.0, 50.0)
_PAUSE_SECONDS = (3.0, 10.0)
_CAUGHT_UP_SECONDS = 10.0
"""About what an act takes beyond its wave."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault."""

    name: str
    seconds: tuple[float, float] = (0.0, 0.0)
    """How long it lasts, from and to."""
    holds_producers: bool = False
    """Whether those who tell the calls are held up as well."""
    ends_all: bool = False
    """Whether no worker outlives it."""
    brokers: int = 1
    """How many brokers it needs at least."""


KINDS = (
    Kind("kill -9 of a worker"),
    Kind("kill -9 of all workers", (0.0, 3.0), ends_all=True),
    Kind("SIGTERM and restart of a worker"),
    Kind("SIGSTOP of a worker past its session", (8.0, 12.0)),
    Kind("a worker joins"),
    Kind("a worker leaves"),
    Kind("kill -9 of all brokers", (1.0, 4.0), holds_producers=True),
    Kind("kill -9 of one broker of three", (4.0, 10.0), holds_producers=True, brokers=3),
    Kind("rolling restart of the brokers", holds_producers=True, brokers=3),
    Kind("every write half a second late", (5.0, 12.0)),
    Kind("all connections to brokers cut", (0.5, 3.0)),
    Kind("a worker comes back with a wiped disk"),
    Kind("a worker comes back with a spoilt disk"),
    Kind("bad documents", (1.0, 3.0)),
    Kind("a new version of the workflow"),
    Kind("an operator replays"),
    Kind("an operator erases"),
    Kind("poison among the events"),
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: so long after what was before it, for so long, and luck to choose a victim with."""

    kind: Kind
    after: float
    seconds: float
    luck: float

    def __str__(self) -> str:
        lasting = f" for {self.seconds:.1f} s" if self.seconds else ""
        return f"{self.kind.name}{lasting}"


@dataclass(frozen=True, slots=True)
class Act:
    """A wave, its weather and its faults; `pause` is the quiet after it, in seconds."""

    number: int
    wave: Mixture
    weather: Weather
    faults: tuple[Fault, ...]
    pause: float


@dataclass(frozen=True, slots=True)
class Terms:
    """What a torture is asked for."""

    seed: int
    minutes: float
    rate: float = 15.0
    """Calls a second while a wave is told."""
    workers: int = 3
    brokers: int = 3
    only: tuple[str, ...] = ()
    """Names of kinds of faults; empty: all."""


def plan(terms: Terms) -> Iterator[Act]:
    """Draw the acts of a torture, as many as take so many minutes; the same terms give the same acts.

    Faults are dealt like cards, so each kind comes before one comes again. Those that no worker outlives
    come in the first third alone: after it one worker is spared, whose memory can be watched.
    """
    dice = random.Random(terms.seed)
    deck: list[Kind] = []
    seconds, number = 0.0, 0
    while seconds < terms.minutes * 60:
        number += 1
        faults = tuple(_fault(dice, _deal(dice, deck, terms, seconds)) for _ in range(dice.choice((1, 2))))
        act = _act(dice, terms, number, faults)
        yield act
        seconds += act.wave.seconds + act.pause + _CAUGHT_UP_SECONDS


def _act(dice: random.Random, terms: Terms, number: int, faults: tuple[Fault, ...]) -> Act:
    seconds = dice.uniform(*_WAVE_SECONDS)
    wave = Mixture(calls=round(seconds * terms.rate), seed=terms.seed * 1000 + number, seconds=seconds)
    if any(fault.kind.holds_producers for fault in faults):
        wave = Mixture(wave.calls, wave.seed, seconds, situations=ORDERLY)
    return Act(number, wave, draw_weather(dice), faults, dice.uniform(*_PAUSE_SECONDS))


def _deal(dice: random.Random, deck: list[Kind], terms: Terms, seconds: float) -> Kind:
    late = seconds > terms.minutes * 60 / 3
    while True:
        if not deck:
            kinds = [each for each in KINDS if not terms.only or each.name in terms.only]
            deck.extend(dice.sample(kinds, len(kinds)))
        kind = deck.pop()
        if kind.brokers <= terms.brokers and not (late and kind.ends_all):
            return kind


def _fault(dice: random.Random, kind: Kind) -> Fault:
    return Fault(kind, dice.uniform(3.0, 12.0), dice.uniform(*kind.seconds), dice.random())


def victim(fault: Fault, among: Sequence[str]) -> str:
    """Return whom a fault hits."""
    return among[int(fault.luck * len(among))]


def script(act: Act, usual: Script) -> Script:
    """Return how the endpoints behave in an act: its weather before what is usual."""
    return Script(seed=act.wave.seed, rules=(*act.weather.rules, *usual.rules))
