"""`postcall tail`: verdicts, attempts and dead letters as they come, a line each, until Ctrl-C."""

import asyncio
import os
import signal
import sys
from collections import Counter, OrderedDict
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final

from msgspec import Struct

from agents.cli.broker import ask
from agents.cli.exits import DONE, CommandRefused, UsageRefused
from agents.cli.output import complain, print_json
from agents.connection import kafka_config
from agents.following import follow
from schemas.outcomes import Verdict
from schemas.settings import Settings
from schemas.wire import json_value
from streams.topology import OUTPUTS

MOST_CALLS: Final = 100_000
"""Calls of which the voice agent and the verdict are remembered, to show their attempts."""

_COLOURS: Final = {"verdict": "cyan", "settled": "dim", "dead": "red"}


class Wanted(Struct, frozen=True):
    """What is shown; what is None does not matter. Attempts do not name the voice agent: theirs, and the verdict,
    are those that the call's last outcome names."""

    call: str | None = None
    agent: str | None = None
    verdict: str | None = None


def run(wanted: Wanted, as_json: bool, settings: Settings) -> int:
    """Follow the output topics until SIGINT or SIGTERM."""
    if wanted.verdict is not None and wanted.verdict not in list(Verdict):
        raise UsageRefused(f"--verdict: found {wanted.verdict!r}; expected one of {', '.join(Verdict)}")
    try:
        ask(settings, _follow(wanted, as_json, settings))
    except LookupError as fault:
        raise CommandRefused(str(fault.args[0])) from fault
    except BrokenPipeError:
        # Whoever read us has seen enough. Python flushes once more at its end, and must not fail at that.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return DONE


async def _follow(wanted: Wanted, as_json: bool, settings: Settings) -> None:
    stop = asyncio.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    names = {settings.topic(each): each for each in OUTPUTS}
    watch = Watch(wanted)
    show = _json_line if as_json else _Lines()
    async with aclosing(follow(kafka_config(settings), tuple(names), stop, _say_ready)) as records:
        async for record, new in records:
            said = said_of(names[record.topic], record.value)
            if said is not None and watch.wants(names[record.topic], said) and new:
                show(names[record.topic], said)


def _say_ready() -> None:
    complain("following, until Ctrl-C")


_NEEDED: Final = {
    "call-outcomes": ("call_id", "decided_at", "verdict", "end_node_id", "reason", "rule", "flags"),
    "delivery-log": (
        "call_id",
        "started_at",
        "kind",
        "id",
        "attempt",
        "method",
        "endpoint",
        "seconds",
        "next_at",
    ),
    "dead-letters": ("at", "reason"),
}
"""What a record must have to be one of ours."""


def said_of(topic: str, value: bytes | None) -> dict[str, Any] | None:
    """The value of a record; None where no postcall wrote it."""
    try:
        said = json_value(value or b"")
    except ValueError:
        return None
    return said if isinstance(said, dict) and all(name in said for name in _NEEDED[topic]) else None


@dataclass(slots=True)
class Watch:
    """Which records are wanted; it learns from outcomes whose attempts those are."""

    wanted: Wanted
    _calls: "OrderedDict[str, tuple[str | None, str | None]]" = field(default_factory=OrderedDict)

    def wants(self, topic: str, said: dict[str, Any]) -> bool:
        """Whether a record is meant. To be asked in the order of reading."""
        call_id = str(said.get("call_id", ""))
        if topic == "call-outcomes":
            self._calls[call_id] = said.get("agent_id"), said.get("verdict")
            self._calls.move_to_end(call_id)
            if len(self._calls) > MOST_CALLS:
                self._calls.popitem(last=False)
        agent, verdict = self._calls.get(call_id, (None, None))
        agent = said.get("agent_id") or agent
        asked = self.wanted
        return (
            (asked.call is None or asked.call == call_id)
            and (asked.agent is None or asked.agent == agent)
            and (asked.verdict is None or asked.verdict == verdict)
        )


def _json_line(topic: str, said: dict[str, Any]) -> None:
    print_json({"topic": topic, **said})


class _Lines:
    """Writes a line for people, in colours on a terminal."""

    def __init__(self) -> None:
        from rich.console import Console

        console = Console(highlight=False, soft_wrap=True)
        self._console = (
            console if console.is_terminal else Console(highlight=False, color_system=None, soft_wrap=True)
        )

    def __call__(self, topic: str, said: dict[str, Any]) -> None:
        """Write the line of a record."""
        what, text = line(topic, said)
        self._console.print(text, style=_COLOURS.get(what) or _style(said), markup=False)
        sys.stdout.flush()


def _style(said: dict[str, Any]) -> str | None:
    return "green" if said.get("class") == "success" else "yellow"


def line(topic: str, said: dict[str, Any]) -> tuple[str, str]:
    """What a record is, and its line."""
    number = said.get("incarnation", 1)
    name = str(said.get("call_id") or "-") + (f"#{number}" if number != 1 else "")
    match topic:
        case "delivery-log":
            what, at, text = "attempt", said["started_at"], _attempt(said)
        case "dead-letters":
            what, at, text = "dead", said["at"], _dead(said)
        case _ if said.get("type") == "call.settled":
            what, at, text = "settled", said["decided_at"], _settled(said)
        case _:
            what, at, text = "verdict", said["decided_at"], _verdict(said)
    return what, f"{at}  {what:<7}  {name}  {text}"


def _verdict(said: dict[str, Any]) -> str:
    end = f" at {said['end_node_id']}" if said["end_node_id"] else ""
    raised = f", raised from {said['upgraded_from']}" if "upgraded_from" in said else ""
    flags = f" ({', '.join(said['flags'])})" if said["flags"] else ""
    return f"{said['verdict']}{end}, {said['reason']}, rule {said['rule']}{flags}{raised}"


def _attempt(said: dict[str, Any]) -> str:
    reply = said["error"] if said["status"] is None else said["status"]
    again = f", next {said['next_at']}" if said["next_at"] else ""
    what = f"{said['kind']} {said['id']}, attempt {said['attempt']}, {said['method']} {said['endpoint']}"
    return f"{what}: {reply}, {said['class']}, {said['seconds']:.3f} s{again}"


def _dead(said: dict[str, Any]) -> str:
    if not said.get("delivery_id"):
        source = said.get("source", {})
        where = f"{source.get('topic')}[{source.get('partition')}]@{source.get('offset')}"
        return f"event {where}: {said['reason']}: {said.get('why')}"
    why = f": {said['why']}" if said.get("why") else ""
    return f"{said['kind']} {said['id']}: {said['reason']}{why}"


def _settled(said: dict[str, Any]) -> str:
    results = Counter(str(each["result"]) for each in said["deliveries"])
    return (
        ", ".join(f"{count} {result}" for result, count in sorted(results.items()))
        or "nothing was to be sent"
    )
