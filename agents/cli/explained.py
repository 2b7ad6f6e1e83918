"""What `postcall explain` prints for people: one screen a call."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from schemas.delivery import State
from streams.explaining.idle import NOT_RUN
from streams.explaining.sources import Said

if TYPE_CHECKING:
    from rich.console import Console

_WIDTH: Final = 200
"""Columns where there is no terminal."""

_OF_REQUESTS: Final = frozenset({"attempt", "held", "dead"})
"""What of a timeline is told with its request."""

_SECOND: Final = len("2026-01-02T03:04:05")

_COLOURS: Final = {
    "PROPER": "green",
    "PREMATURE": "yellow",
    "TRANSFERRED": "cyan",
    "NOT_CONNECTED": "magenta",
    State.DONE: "green",
    State.DEAD: "red",
    State.SKIPPED: "yellow",
    State.PARKED: "yellow",
    NOT_RUN: "dim",
    "ignored": "yellow",
    "late": "yellow",
    "kept": "yellow",
    "duplicate": "dim",
    "unreadable": "red",
}


def print_explained(told: Said) -> None:
    """Print what `streams.explaining.telling.explain` has told; in colours on a terminal only."""
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console = Console(highlight=False, color_system=None, width=_WIDTH, soft_wrap=True)
    for one in told["incarnations"]:
        _print_one(console, told, one)


def _print_one(console: "Console", told: Said, one: Said) -> None:
    name = told["call_id"] if one["incarnation"] == 1 else f"{told['call_id']}#{one['incarnation']}"
    for style, line in _head(name, one):
        console.print(line, style=style, markup=False)
    events = [said for said in one["timeline"] if said["what"] not in _OF_REQUESTS]
    if told["events_since"] is not None:
        console.print(
            f"  call-events holds events since {told['events_since']}; earlier ones are not told",
            markup=False,
        )
    if events:
        console.print("evidence, as it came:", style="bold", markup=False)
    for said in events:
        console.print(f"  {_event(said)}", style=_COLOURS.get(said.get("counted", "")), markup=False)
    if one["deliveries"]:
        console.print("requests:", style="bold", markup=False)
    for said in _grouped(one["deliveries"]):
        for number, line in enumerate(_delivery(said)):
            console.print(line, style=None if number else _COLOURS.get(said["result"]), markup=False)


def _grouped(deliveries: list[Said]) -> Iterator[Said]:
    """Nodes that did not run for one and the same reason share a line."""
    alike: dict[str, list[Said]] = {}
    for said in deliveries:
        if said["result"] == NOT_RUN:
            alike.setdefault(said["words"], []).append(said)
        else:
            yield said
    for same in alike.values():
        yield {**same[0], "id": ", ".join(said["id"] for said in same)}


def _head(name: str, one: Said) -> Iterator[tuple[str | None, str]]:
    flow = f"workflow {one['workflow_id']}@{one['workflow_version']}" if one["workflow_id"] else "no workflow"
    of = f"voice agent {one['agent_id'] or 'not named'}, {flow}"
    if one["verdict"] is None:
        yield "bold", f"{name}: no verdict, {one['state']}; {of}"
    else:
        at = f" at {one['end_node_id']}" if one["end_node_id"] else ""
        because = f"{one['reason']}, rule {one['rule']}, decided {one['decided_at']}, {one['state']}"
        yield f"bold {_COLOURS[one['verdict']]}", f"{name}: {one['verdict']}{at}, {because}; {of}"
        yield None, f"  {one['rule']}: {one['words']}"
    for flag, means in one["flags"].items():
        yield None, f"  {flag}: {means}"
    for upgrade in one["upgrades"]:
        yield None, f"  raised from {upgrade['from']} to {upgrade['to']} by {upgrade['rule']}"
    for fact in one["facts"]:
        yield None, f"  {fact}"
    for note in one["notes"]:
        yield "yellow", f"  {note}"
    if one["next"] is not None:
        yield None, f"  next: {_when(one['next'])}"


def _when(following: Said) -> str:
    return f"{following['what']}, {following['at']}" if following["at"] else str(following["what"])


def _event(said: Said) -> str:
    at = said["at"]
    match said["what"]:
        case "event" if said["type"] is None:
            return (
                f"{at}  unreadable, at {said['topic']}[{said['partition']}]@{said['offset']}: {said['why']}"
            )
        case "event":
            why = f" ({' '.join(filter(None, (said['rule'], said['why'])))})" if said["why"] else ""
            extra = "".join(f"; {note}" for note in said["notes"])
            moved = f"; found on partition {said['partition']}, sent on" if said["rekeyed"] else ""
            apart = said["occurred_at"][:_SECOND] != at[:_SECOND]
            happened = f", happened {said['occurred_at']}" if apart else ""
            who = f", says {said['source']}" if said["source"] else ""
            detail = f" {said['says']}" if said["says"] else ""
            return f"{at}  {said['type']}{detail}{who}{happened}: {said['counted']}{why}{extra}{moved}"
        case "verdict" | "upgrade":
            where = f" at {said['end_node_id']}" if said["end_node_id"] else ""
            return f"{at}  {said['what']}: {said['verdict']}{where} by {said['rule']}"
        case what:
            return f"{at}  an operator asked for {what}"


def _delivery(said: Said) -> Iterator[str]:
    result = "not run" if said["result"] == NOT_RUN else said["result"]
    why = f" ({said['why']})" if said["why"] else ""
    where = f" {said.get('method') or ''} {said['endpoint']}" if said.get("endpoint") else ""
    yield f"  {said['kind']} {said['id']}: {result}{why}{where}: {said['words']}"
    for held in said.get("held", ()):
        yield f"    {_held(held)}"
    for one in said.get("attempts", ()):
        reply = one["status"] if one["status"] is not None else one["error"]
        again = f", next {one['next_at']}" if one["next_at"] else ""
        yield f"    {one['at']}  attempt {one['attempt']}: {reply}, {one['class']}, {one['seconds']:.3f} s{again}"
    if said.get("missing"):
        yield f"    missing: {', '.join(said['missing'])}"
    if said.get("next"):
        yield f"    next: {_when(said['next'])}"


def _held(held: Said) -> str:
    what = " and ".join(held["waits_for"])
    limit = f", at most until {held['limit']}" if held["limit"] else ""
    if held["until"] is None:
        return f"{held['since']}  held for {what}{limit}"
    ended = "until" if held["came"] else "which did not come, until"
    return f"{held['since']}  held for {what}, {ended} {held['until']}"
