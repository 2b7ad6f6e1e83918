"""`postcall doctor`: look at everything that a worker needs, and say what is wrong with the command that mends it.

It looks and changes nothing; to the endpoints it connects, and sends no request.
"""

import asyncio
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from agents.checks.broker import look_at_broker
from agents.checks.documents import look_at_documents
from agents.checks.endpoints import look_at_endpoints
from agents.checks.finding import Finding, Level, fail
from agents.checks.group import look_at_group
from agents.checks.machine import look_at_machine
from agents.checks.recent import look_at_recent
from agents.checks.rights import look_at_rights
from agents.checks.topics import look_at_topics
from agents.cli.broker import ask
from agents.cli.exits import DONE, FAILED, BrokerUnreachable
from agents.cli.output import print_json
from agents.connection import client_options, kafka_config, topic_names
from agents.http.secrets import Secrets
from agents.kafka.topics import admin, counts
from agents.workflows_topic import read_topic, read_whole
from schemas.settings import Settings

if TYPE_CHECKING:
    from rich.console import Console

_STYLES: Final = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "bold red"}
_WIDTH: Final = 200


def run(as_json: bool, settings: Settings) -> int:
    """Look at everything. DONE without a fail, else FAILED; UNREACHABLE when no broker answers."""
    found = list(look_at_machine(settings))
    code = DONE
    try:
        found += ask(settings, _looked(settings))
    except BrokerUnreachable as why:
        mend = "start it, or set POSTCALL_BROKER"
        found.append(fail("broker", "reachable", f"no answer at {settings.broker}", "Kafka there", mend))
        code = why.code
    if code == DONE and any(each.level is Level.FAIL for each in found):
        code = FAILED
    if as_json:
        print_json({"ok": code == DONE, "findings": [_as_value(each) for each in found]})
    else:
        _print(found)
    return code


async def _looked(settings: Settings) -> list[Finding]:
    config, names = kafka_config(settings), topic_names(settings)
    secrets = Secrets(os.environ, settings.secrets_dir)
    async with admin(config) as kafka:
        found = [*await look_at_broker(kafka, config)]
        found += await look_at_topics(kafka, config, names, settings.remember)
        there = frozenset(await kafka.list_topics())
        events = (await counts(kafka, [names.call_events])).get(names.call_events, 0) if there else 0
        if not config.embedded:
            found += await asyncio.to_thread(lambda: list(look_at_rights(settings, names, there)))
        if events and not config.embedded:
            sources = [topic for topic in (names.call_events, names.internal) if topic in there]
            found += await look_at_group(kafka, config, sources, events)
    found += await look_at_recent(config, names.call_events, events, settings.clock_tolerance)
    snapshot, refused = read_topic(await read_whole(client_options(config), names.workflows))
    found += look_at_documents(snapshot, refused, secrets)
    found += await look_at_endpoints(snapshot, settings, secrets)
    return found


def _as_value(one: Finding) -> dict[str, str]:
    return {
        "area": one.area,
        "about": one.about,
        "level": str(one.level),
        "found": one.found,
        "expected": one.expected,
        "mend": one.mend,
    }


def _print(found: Sequence[Finding]) -> None:
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console = Console(highlight=False, color_system=None, width=_WIDTH, soft_wrap=True)
    for one in found:
        _print_one(console, one)
    counted = {level: sum(one.level is level for one in found) for level in Level}
    warnings, faults = _count(counted[Level.WARN], "warning"), _count(counted[Level.FAIL], "fault")
    console.print(f"{counted[Level.OK]} ok, {warnings}, {faults}", markup=False)


def _count(number: int, of: str) -> str:
    return f"{number} {of}{'' if number == 1 else 's'}"


def _print_one(console: "Console", one: Finding) -> None:
    console.print(
        f"{one.level:<4}  {one.area}: {one.about}: {one.found}", style=_STYLES[one.level], markup=False
    )
    if one.expected:
        console.print(f"      expected {one.expected}", markup=False)
    if one.mend:
        console.print(f"      mend it with: {one.mend}", markup=False)
