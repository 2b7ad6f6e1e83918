"""The evidence of a call, one event after the other: who said what, and whether it counted."""

from collections.abc import Callable
from typing import Any, Final

from schemas.events import CALL_ENDED, ENRICHING_TYPES, Event
from schemas.wire import moment
from schemas.workflow import END_CALL, Workflow
from streams.evidence import NODE_OR_TURN, order_of
from streams.explaining.retelling import NOT_COUNTED, Beat
from streams.explaining.sources import Case, Said, Unread
from streams.explaining.words import COUNTING, NOTES
from streams.verdicts.nodes import spells_end_call


def events(case: Case) -> list[Said]:
    """The events of an incarnation, in the order in which they came; unreadable ones with the first."""
    told = [
        _heard(beat, beat.entry.message, case) for beat in case.beats if isinstance(beat.entry.message, Event)
    ]
    first = case.sources.cases[0].number == case.number
    return [*told, *(map(_unread, case.sources.unread) if first else ())]


def _heard(beat: Beat, event: Event, case: Case) -> Said:
    counted, rule, why = _counted(beat, event, case)
    return {
        "at": moment(event.recorded_at),
        "what": "event",
        "type": event.type,
        "says": says(event, case.workflow),
        "source": event.source,
        "id": event.id,
        "occurred_at": moment(event.occurred_at),
        "counted": counted,
        "rule": rule,
        "why": why,
        "notes": [NOTES[note] for note in beat.notes if note in _OF_EVENTS],
        "topic": beat.entry.place.topic,
        "partition": beat.entry.place.partition,
        "offset": beat.entry.place.offset,
        "rekeyed": beat.entry.place.partition != case.sources.partition,
    }


_OF_EVENTS: Final = frozenset(
    {"clock_skew", "conflict", "end_node_id_refused", "end_unreadable", "unknown_type", "unmapped_reason"}
)


def _unread(event: Unread) -> Said:
    return {
        "at": moment(event.at),
        "what": "event",
        "type": None,
        "counted": "unreadable",
        "rule": None,
        "why": event.why,
        "topic": event.place.topic,
        "partition": event.place.partition,
        "offset": event.place.offset,
    }


def says(event: Event, workflow: Workflow | None) -> str:
    """What of an event matters to a verdict, in a few words; never what was spoken, nor a value."""
    told = _SAYS.get(event.type)
    return "" if told is None else told(event.data, workflow)


def _node(data: dict[str, Any], workflow: Workflow | None) -> str:
    node_id = str(data.get("node_id"))
    node = None if workflow is None else workflow.node(node_id)
    if node is not None:
        return f"{node_id} (End Call node)" if node.type == END_CALL else node_id
    stated = str(data.get("node_type") or "")
    kind = "End Call node, says the event" if spells_end_call(stated) else "a node that no workflow knows"
    return f"{node_id} ({kind})"


def _end(data: dict[str, Any], workflow: Workflow | None) -> str:
    reason = str(data.get("reason") or data.get("raw_reason") or "no reason")
    named = data.get("end_node_id")
    return f"{reason}, at {named}" if named else reason


def _names(data: dict[str, Any], workflow: Workflow | None) -> str:
    variables = data.get("variables")
    return ", ".join(sorted(map(str, variables))) if isinstance(variables, dict) else ""


_SAYS: Final[dict[str, Callable[[dict[str, Any], Workflow | None], str]]] = {
    "node.entered": _node,
    "closing.spoken": lambda data, _: str(data.get("node_id")),
    "turn.completed": lambda data, _: str(data.get("role") or ""),
    "variables.updated": _names,
    CALL_ENDED: _end,
}


def _counted(beat: Beat, event: Event, case: Case) -> tuple[str, str | None, str | None]:
    """As what it counted, by which rule, and why in words."""
    match beat.counted:
        case "duplicate":
            return "duplicate", "R13", COUNTING["R13"]
        case "late":
            return "late", "R15", COUNTING["R15"]
        case "ignored":
            erased = case.past is not None and case.past.erased
            return "ignored", *((None, "the call was erased") if erased else ("R16", COUNTING["R16"]))
        case counted if counted == NOT_COUNTED:
            return NOT_COUNTED, "R17", COUNTING["R17"]
        case _:
            return _applied(event, case)


def _applied(event: Event, case: Case) -> tuple[str, str | None, str | None]:
    """An event that was heard before the verdict may still be one of those that do not count in it."""
    end = None if case.outcome is None else case.outcome.ended_at
    tolerance = case.sources.policy.durations.clock_tolerance
    if event.type in NODE_OR_TURN and end is not None and event.occurred_at > end + tolerance:
        return "ignored", "R14", COUNTING["R14"]
    ends = () if case.evidence is None else case.evidence.terminals
    if event.type == CALL_ENDED and len(ends) > 1 and ends[0].order != order_of(event):
        return "applied", "R11", f"{COUNTING['R11']}: {ends[0].reason}"
    if event.type in ENRICHING_TYPES:
        return "applied", "R16", f"it brings {event.type.partition('.')[0]}, and says nothing of the verdict"
    return "applied", None, None
