"""`postcall replay`: ask the workers to send once more what was given up (`agents/replaying.py`)."""

import sys
from collections.abc import Iterator
from typing import Any, Final

from rich.console import Console
from rich.progress import Progress

from agents.cli.broker import ask
from agents.cli.dead_letters import what
from agents.cli.exits import DONE, CommandRefused, UsageRefused
from agents.cli.output import complain, print_json, print_table
from agents.replaying import Plan, planned, post
from schemas.settings import Settings
from schemas.wire import moment
from streams.letters import Selection

COUNTED: Final = 'postcall_notes_total counts "replayed" and "nothing_to_replay"'


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
    plan = await planned(wanted, rate, settings)
    if not dry_run:
        await _post(plan, rate, as_json, settings)
    return plan


async def _post(plan: Plan, rate: float, as_json: bool, settings: Settings) -> None:
    watched = sys.stderr.isatty() and not as_json
    with Progress(console=Console(stderr=True), disable=not watched, transient=True) as progress:
        total = sum(len(each.deliveries) for each in plan.messages)
        bar = progress.add_task("replaying", total=total)
        try:
            await post(plan.messages, rate, settings, lambda count: progress.advance(bar, count))
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
