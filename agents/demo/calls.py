"""Calls for the demo, drawn from a seed: told out of order, in part twice, in part never to the end."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from agents.demo.stories import STORIES, Said, Story
from schemas.wire import json_bytes, moment

AGENT: Final = "support-bot"

SHUFFLED_SECONDS: Final = 0.8
"""The events of a call arrive within so long, in any order; the grace waits for all of them."""
DOUBLED: Final = 0.15
"""The share of events that are told twice."""
AGAIN_AFTER: Final = (0.0, 0.3, 3.0)
"""Seconds between the two."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One record for call-events, and when to send it, in seconds from the start."""

    at: float
    call_id: str
    value: bytes
    after_verdict: bool = False
    """Whether to wait for the call's verdict, too."""


@dataclass(frozen=True, slots=True)
class Load:
    """Calls, what is said of them in the order of sending, and what must come of each."""

    seed: int
    stories: dict[str, Story]
    """What happens to each call, by its id."""
    arrivals: tuple[Arrival, ...]
    doubled: int
    """How many of the arrivals repeat another."""


def draw(count: int, seconds: float, begins: datetime, seed: int) -> Load:
    """Draw so many calls that end within so many seconds; every story is there at least once."""
    dice = random.Random(seed)
    drawn = [*STORIES, *dice.choices(STORIES, [story.weight for story in STORIES], k=count)][:count]
    dice.shuffle(drawn)
    stories = {f"call-{number:04d}": story for number, story in enumerate(drawn, start=1)}
    once = [
        arrival
        for call_id, story in stories.items()
        for arrival in _told(dice, call_id, story, dice.uniform(0, seconds), begins)
    ]
    twice = [
        replace(arrival, at=arrival.at + dice.choice(AGAIN_AFTER))
        for arrival in once
        if dice.random() < DOUBLED
    ]
    arrivals = tuple(sorted((*once, *twice), key=lambda arrival: arrival.at))
    return Load(seed, stories, arrivals, len(twice))


def _told(
    dice: random.Random, call_id: str, story: Story, starts: float, begins: datetime
) -> Iterator[Arrival]:
    in_order = sorted(story.said, key=lambda said: said.at)
    length = max(said.at for said in in_order if not said.late)
    for seq, said in enumerate(in_order, start=1):
        happened_at = begins + timedelta(seconds=starts + said.at - length)
        event = _event(call_id, seq, said, happened_at)
        at = starts + said.late + dice.uniform(0, SHUFFLED_SECONDS)
        yield Arrival(at, call_id, json_bytes(event), said.after_verdict)


def _event(call_id: str, seq: int, said: Said, happened_at: datetime) -> dict[str, Any]:
    data = dict(said.data)
    if said.type == "call.ended":
        data["ended_at"] = moment(happened_at)
    return {
        "id": f"{call_id}/{seq}",
        "type": said.type,
        "call_id": call_id,
        "agent_id": AGENT,
        "source": said.source,
        "seq": seq,
        "occurred_at": moment(happened_at),
        "direction": "inbound",
        "data": data,
    }
