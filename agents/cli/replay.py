"""`postcall replay`: ask the workers to send once more what was given up.

What is asked for is a message on the call's own partition; the worker that has it decides. What was delivered
meanwhile, or is on its way, it leaves alone.
"""

import asyncio
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from msgspec import Struct
from rich.console import Console
from rich.progress import Progress

from agents.cli.broker import ask
from agents.cli.dead_letters import what
from agents.cli.exits import DONE, CommandRefused, UsageRefused
from agents.cli.output import complain, print_json, print_table
from agents.cli.selecting import letters
from agents.connection import kafka_config, topic_names
from agents.kafka.config import KafkaConfig
from agents.operating import tell
from agents.output_topics import values
from schemas.messages import Message, Replay
from schemas.settings import Settings
from schemas.wire import json_value, moment
from streams.letters import Fate, Letter, Selection, fate, latest, messages, messages_for
from streams.topology import home

MOST_LOGGED: Final = 200_000
"""Records of the delivery log that are looked through for what was delivered meanwhile."""

MOST_TOGETHER: Final = 100
"""Deliveries that one message asks for."""

COUNTED: Final = 'postcall_notes_total counts "replayed" and "nothing_to_replay"'


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


def run(wanted: Selection, rate: float, dry_run: bool, as_json: bool, settings: Settings) -> int:
    """Ask for a replay of what is selected, `rate` deliveries a second."""
    if wanted.empty:
        raise UsageRefused(
            "found nothing that says what; expected CALL_ID, or --reason, --since, or the like"
        )
    plan = ask(settings, _carry_out(wanted, rate, dry_run, as_json, settings))
    tell_of(plan, dry_run, as_json)
    return DONE


def tell_of(plan: Plan, dry_run: bool, as_json: bool) -> None:
    """Say what was asked for, or would be."""
    if as_json:
        print_json(_as_value(plan, dry_run))
    else:
        _print_lines(plan, dry_run)


async def _carry_out(
    wanted: Selection, rate: float, dry_run: bool, as_json: bool, settings: Settings
) -> Plan:
    plan = await _planned(wanted, rate, settings)
    if not dry_run:
        await _post(plan.messages, rate, as_json, settings)
    return plan


async def _planned(wanted: Selection, rate: float, settings: Settings) -> Plan:
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


async def _post(asked: Sequence[Replay], rate: float, as_json: bool, settings: Settings) -> None:
    config, internal = kafka_config(settings), topic_names(settings).internal
    watched = sys.stderr.isatty() and not as_json
    with Progress(console=Console(stderr=True), disable=not watched, transient=True) as progress:
        bar = progress.add_task("replaying", total=sum(len(each.deliveries) for each in asked))

        async def paced(message: Message) -> None:
            if isinstance(message, Replay) and message is not asked[-1]:
                await asyncio.sleep(len(message.deliveries) / rate)
                progress.advance(bar, len(message.deliveries))

        try:
            await tell(config, internal, asked, paced)
        except LookupError as fault:
            raise CommandRefused(str(fault.args[0])) from fault


def _as_value(plan: Plan, dry_run: bool) -> dict[str, Any]:
    return {
        "dry_run": dry_run,
        "asked": 0 if dry_run else plan.deliveries,
        "calls": 0 if dry_run else len({each.call_id for each in plan.messages}),
        "whole_call": plan.whole_call,
        "deliveries": [
            {
                **{
                    name: each.said.get(name) for name in ("call_id", "delivery_id", "kind", "id", "endpoint")
                },
                "reason": each.reason,
                "at": moment(each.at),
                "result": becomes,
            }
            for each, becomes in plan.letters
        ],
    }


def _print_lines(plan: Plan, dry_run: bool) -> None:
    rows = [
        (becomes, moment(each.at), each.reason, each.call_id or "-", what(each), each.endpoint or "-")
        for each, becomes in plan.letters
    ]
    if rows:
        print_table("result", "at", "reason", "call", "what", "endpoint", rows=rows)
    complain(*_said(plan, "would ask" if dry_run else "asked"))
    if any(becomes == "unreadable" for _, becomes in plan.letters):
        complain("an event that could not be read cannot be replayed: nothing of it is kept")


def _said(plan: Plan, will: str) -> Iterator[str]:
    """What was asked for. Only the worker has the call, so what came of it, its counts say."""
    if plan.whole_call is None:
        yield f"{will} for {plan.deliveries} of {len(plan.letters)}"
    elif plan.letters:
        yield f"{will} for all that {plan.whole_call} has, {plan.deliveries} of {len(plan.letters)} letters among it"
    else:
        yield f"found no letter of {plan.whole_call}; {will} its worker all the same: its workflow may be new"
    if plan.messages:
        yield f"a worker leaves alone what was erased or done; {COUNTED}"
