"""Every way a generated call can go: what its two producers say of it, and what must come of it.

The times of a story are seconds on the call's own clock, from dialling; what arrives late arrives so many
seconds after everything else.
"""

from dataclasses import dataclass, field, replace
from typing import Any

ORCHESTRATOR = "orchestrator"
TELEPHONY = "telephony"


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that a producer says about a call."""

    source: str
    at: float
    type: str
    data: dict[str, Any] = field(default_factory=dict)
    losable: bool = False
    """Whether the verdict stays the same when nobody ever hears of it."""
    late: float = 0.0


@dataclass(frozen=True, slots=True)
class Expectation:
    """What must come of a call; `rules` because a few depend on the order of arrival, as R2 and R1 do."""

    verdict: str
    rules: tuple[str, ...]
    end_node_id: str | None = None


@dataclass(frozen=True, slots=True)
class Situation:
    """One way a call can go, and how often it is drawn."""

    told: tuple[Told, ...]
    expected: Expectation
    weight: int = 2
    agent_known: bool = True


def _telephony(at: float, kind: str, losable: bool = True, **data: Any) -> Told:
    return Told(TELEPHONY, at, kind, data, losable)


def _enters(node: str, at: float, kind: str = "default", losable: bool = False) -> Told:
    return Told(ORCHESTRATOR, at, "node.entered", {"node_id": node, "node_type": kind}, losable)


def _reaches(node: str, at: float = 60.0) -> Told:
    return _enters(node, at, "end_call")


def _closing(node: str, at: float = 63.0) -> Told:
    return Told(ORCHESTRATOR, at, "closing.spoken", {"node_id": node})


def _ends(reason: str, at: float = 65.0, source: str = TELEPHONY, **data: Any) -> Told:
    told = {"reason": reason, "raw_reason": f"raw {reason}", "duration_seconds": at - 4.0, **data}
    return Told(source, at, "call.ended", told)


_DIALLED = (_telephony(0.0, "call.initiated"), _telephony(1.0, "call.ringing"))
_ANSWERED = (*_DIALLED, _telephony(4.0, "call.answered"))
_CONTACT = {"contact_id": "c-1047", "plan": "gold \u00e9\u4e2d"}
_TALK = (
    *_ANSWERED,
    Told(ORCHESTRATOR, 4.2, "conversation.started", {}, losable=True),
    _enters("greet", 5.0, losable=True),
    Told(ORCHESTRATOR, 9.0, "turn.completed", {"role": "user", "content": "Hello?", "at": 9.0}, losable=True),
    # What nobody has heard of yet is kept and counted, and changes nothing.
    Told(ORCHESTRATOR, 10.0, "mood.guessed", {"mood": "fine"}, losable=True),
    Told(ORCHESTRATOR, 12.0, "variables.updated", {"variables": _CONTACT}),
    _enters("talk", 15.0, losable=True),
)
_ANALYTICS = Told(
    ORCHESTRATOR, 66.5, "analytics.completed", {"summary": "Fine.", "disposition": "ok"}, late=1.5
)


def _proper(rules: str, node: str = "resolved") -> Expectation:
    return Expectation("PROPER", tuple(rules.split()), node)


def _premature(rule: str) -> Expectation:
    return Expectation("PREMATURE", (rule,))


_NOT_CONNECTED = Expectation("NOT_CONNECTED", ("R10",))


def _after(reached: str, *told: Told) -> tuple[Told, ...]:
    return (*_TALK, _reaches(reached), *told)


SITUATIONS: dict[str, Situation] = {
    # --- proper ends
    "end node reached": Situation(
        _after("resolved", _closing("resolved"), _ends("end_node"), _ANALYTICS), _proper("R1"), weight=10
    ),
    "end node reached, agent hangs up": Situation(
        _after("escalated", _closing("escalated"), _ends("agent_hangup"), _ANALYTICS),
        _proper("R1", "escalated"),
        weight=5,
    ),
    "end node with nothing on it": Situation(
        _after("silent", _closing("silent"), _ends("caller_hangup")), _proper("R1", "silent")
    ),
    "end node named by the terminal": Situation(
        (*_TALK, _closing("escalated"), _ends("end_node", end_node_id="escalated")),
        _proper("R2", "escalated"),
        weight=4,
    ),
    "end node reached and named": Situation(
        _after(
            "resolved", _closing("resolved"), _ends("end_node", source=ORCHESTRATOR, end_node_id="resolved")
        ),
        _proper("R1 R2"),
        weight=4,
    ),
    "caller leaves during the goodbye": Situation(
        _after("resolved", _ends("caller_hangup", 61.0), _ANALYTICS), _proper("R3"), weight=4
    ),
    "end node left and entered again": Situation(
        _after("escalated", _enters("talk", 61.0), _reaches("resolved", 62.0), _ends("agent_hangup")),
        _proper("R1"),
    ),
    "silence after the end node": Situation(_after("resolved", _ends("inactivity")), _proper("R9")),
    "platform fails after the end node": Situation(
        _after("escalated", _ends("platform_error")), _proper("R9", "escalated")
    ),
    "line down after the end node, then why": Situation(
        _after("resolved", _ends("completed", 64.5), _ends("max_duration", source=ORCHESTRATOR)),
        _proper("R9"),
    ),
    "analytics never come": Situation(_after("resolved", _ends("agent_hangup")), _proper("R1"), weight=1),
    # --- premature ends
    "caller hangs up": Situation((*_TALK, _ends("caller_hangup"), _ANALYTICS), _premature("R4"), weight=6),
    "agent hangs up without an end node": Situation((*_TALK, _ends("agent_hangup")), _premature("R4")),
    "end node left": Situation(
        _after("resolved", _enters("talk", 62.0), _ends("caller_hangup")), _premature("R5"), weight=3
    ),
    "voicemail after the end node": Situation(
        _after("resolved", _telephony(61.0, "voicemail.detected", losable=False), _ends("voicemail")),
        _premature("R7"),
    ),
    "caller is silent": Situation((*_TALK, _ends("inactivity")), _premature("R8")),
    "agent fails": Situation((*_TALK, _ends("agent-error")), _premature("R8")),
    "transfer fails": Situation(
        (
            *_TALK,
            _telephony(50.0, "transfer.started"),
            _telephony(55.0, "transfer.failed"),
            _ends("transfer_failed"),
        ),
        _premature("R8"),
    ),
    # --- transferred, not connected
    "transferred": Situation(
        (*_TALK, _telephony(50.0, "transfer.bridged", losable=False), _ends("transferred")),
        Expectation("TRANSFERRED", ("R6",)),
        weight=3,
    ),
    "busy": Situation((*_DIALLED, _ends("busy", 3.0)), _NOT_CONNECTED),
    "busy, then completed": Situation(
        (*_DIALLED, _ends("busy", 3.0), _ends("completed", 3.5, ORCHESTRATOR)), _NOT_CONNECTED
    ),
    "no answer": Situation((*_DIALLED, _ends("no-answer", 30.0)), _NOT_CONNECTED),
    "cancelled": Situation((*_DIALLED, _ends("canceled", 2.0)), _NOT_CONNECTED, weight=1),
    "rejected": Situation((*_DIALLED, _ends("rejected", 3.0)), _NOT_CONNECTED, weight=1),
    "line down, never answered": Situation((*_DIALLED, _ends("completed", 20.0)), _NOT_CONNECTED, weight=1),
    # --- no end at all
    "end node reached, end lost": Situation(_after("escalated"), _proper("R12", "escalated"), weight=1),
    "conversation, end lost": Situation(_TALK, _premature("R12"), weight=1),
    # --- late evidence
    "end node known late": Situation(
        (*_TALK, replace(_reaches("escalated"), late=8.0), _ends("caller_hangup", 61.0)),
        _proper("R3", "escalated"),
    ),
    # --- nobody's agent
    "unknown agent": Situation(
        _after("resolved", _ends("end_node")), _proper("R1"), weight=1, agent_known=False
    ),
}
