"""Replaying what was given up: which letters are meant, what would become of each, and asking the workers.

What is asked for is a message on the call's own partition; the worker that has it decides. What was delivered
meanwhile, or is on its way, it leaves alone.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct

from agents.connection import kafka_config, topic_names
from agents.kafka.config import KafkaConfig
from agents.operating import tell
from agents.output_topics import values
from schemas.messages import Message, Replay
from schemas.settings import Settings
from schemas.wire import json_value
from streams.letters import Fate, Letter, Selection, fate, latest, messages, messages_for, read, selects
from streams.topology import home

MOST_LOGGED: Final = 200_000
"""Records of the delivery log that are looked through for what was delivered meanwhile."""

MOST_TOGETHER: Final = 100
"""Deliveries that one message asks for."""


class Plan(Struct, frozen=True):
    """What became of each letter that is meant, and the messages to post."""

    letters: tuple[tuple[Letter, Fate], ...]
    messages: tuple[Replay, ...]

    @property
    def deliveries(self) -> int:
        """How many of the letters are asked for."""
        return sum(becomes == "replay" for _, becomes in self.letters)

    @property
    def whole_call(self) -> str | None:
        """The call that is asked for all that it has."""
        return next((each.call_id for each in self.messages if not each.deliveries), None)


async def letters(config: KafkaConfig, topic: str, wanted: Selection) -> list[Letter]:
    """The letters that are meant, in the order of their times."""
    found = [
        letter
        async for value in values(config, topic, wanted.since)
        if (letter := read(value)) is not None and selects(wanted, letter)
    ]
    return sorted(found, key=lambda one: one.at)


async def planned(wanted: Selection, rate: float, settings: Settings) -> Plan:
    """What a replay of these would ask for, `rate` deliveries a second. Raises KafkaError, TimeoutError."""
    config = kafka_config(settings)
    found = latest(await letters(config, settings.topic("dead-letters"), wanted))
    remembered_since = datetime.now(UTC) - settings.remember
    recent = [each for each in found if fate(each, (), remembered_since) == "replay"]
    done = await _done(config, settings.topic("delivery-log"), recent)
    fates = tuple((each, fate(each, done, remembered_since)) for each in found)
    together = min(max(1, int(rate)), MOST_TOGETHER)
    if wanted.whole_call and wanted.call is not None:
        return Plan(fates, tuple(messages_for(wanted.call, fates, together)))
    asked = messages((each for each, becomes in fates if becomes == "replay"), together)
    return Plan(fates, tuple(asked))


async def _done(config: KafkaConfig, topic: str, found: Sequence[Letter]) -> set[str]:
    """The deliveries that succeeded after their letter, if that can be found out quickly."""
    if not found:
        return set()
    waiting = {each.delivery_id: each for each in found}
    since = min(each.at for each in found)
    calls = {each.call_id for each in found}
    logged = values(
        config,
        topic,
        since,
        lambda partition, partitions: any(home(each, partitions) == partition for each in calls),
        MOST_LOGGED,
    )
    lines = [json_value(value) async for value in logged]
    return {
        line["delivery_id"] for line in lines if line["class"] == "success" and line["delivery_id"] in waiting
    }


async def post(
    asked: Sequence[Replay],
    rate: float,
    settings: Settings,
    advanced: Callable[[int], None] = lambda deliveries: None,
) -> None:
    """Ask the workers, `rate` deliveries a second; `advanced` is told of how many after each message.

    Raises LookupError where no worker of this app id ever was, KafkaError, TimeoutError.
    """

    async def paced(message: Message) -> None:
        if isinstance(message, Replay) and message is not asked[-1]:
            await asyncio.sleep(len(message.deliveries) / rate)
            advanced(len(message.deliveries))

    await tell(kafka_config(settings), topic_names(settings).internal, asked, paced)
