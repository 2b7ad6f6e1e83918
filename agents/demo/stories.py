"""What can happen on the phone, and what must come of it: written down by hand, never asked of the engine.

A story is told on the call's own clock, in seconds from dialling, by two producers: the telephony side and
the agent's own runtime. What comes of it stands beside it: the verdict, the Post Call API nodes and the
webhooks, one name for each delivery.
"""

from dataclasses import dataclass, field, replace
from typing import Any, Final

from schemas.outcomes import Verdict

TELEPHONY: Final = "telephony"
RUNTIME: Final = "runtime"

RESOLVED: Final = ("update_crm", "send_email", "record_metrics", "schedule_task")
"""What hangs on the End Call node `resolved`; the e-mail comes after the CRM, the others beside it."""
CALLBACK: Final = ("book_callback",)
"""What hangs on the End Call node `callback`."""


@dataclass(frozen=True, slots=True)
class Said:
    """One thing that a producer says about a call."""

    at: float
    type: str
    data: dict[str, Any] = field(default_factory=dict)
    source: str = RUNTIME
    late: float = 0.0
    """Seconds by which it comes after everything else."""
    after_verdict: bool = False
    """Whether it is only told once the verdict is known: no machine is so slow that it comes in time."""


@dataclass(frozen=True, slots=True)
class Story:
    """One way that a call can go, and everything that must come of it."""

    title: str
    said: tuple[Said, ...]
    verdict: Verdict
    hooks: tuple[str, ...]
    nodes: tuple[str, ...] = ()
    end_node_id: str | None = None
    weight: int = 1
    """How often it is drawn, compared with the others."""


def _line(at: float, kind: str, **said: Any) -> Said:
    return Said(at, kind, said, TELEPHONY)


def _enters(node: str, at: float, kind: str = "default") -> Said:
    return Said(at, "node.entered", {"node_id": node, "node_type": kind})


def _goodbye(node: str) -> tuple[Said, ...]:
    return (_enters(node, 60.0, "end_call"), Said(63.0, "closing.spoken", {"node_id": node}))


def _ends(reason: str, at: float = 65.0, **said: Any) -> Said:
    return _line(at, "call.ended", reason=reason, raw_reason=reason, duration_seconds=at - 4.0, **said)


_DIALLED: Final = (_line(0.0, "call.initiated"), _line(1.0, "call.ringing"))
_TALK: Final = (
    *_DIALLED,
    _line(4.0, "call.answered"),
    Said(4.2, "conversation.started"),
    _enters("greet", 5.0),
    Said(12.0, "variables.updated", {"variables": {"contact_id": "c-1047", "email": "ada@example.com"}}),
    _enters("answer", 15.0),
    Said(20.0, "turn.completed", {"role": "user", "content": "It works again, thank you.", "at": 20.0}),
)
_ANALYTICS: Final = Said(
    66.0, "analytics.completed", {"summary": "It works again.", "disposition": "solved"}, late=1.5
)

_HEARD: Final = ("conversation.started",)
_JUDGED: Final = ("call.ended", "call.settled")
_ANALYSED: Final = ("analytics.completed",)
_COMPLETED: Final = (*_HEARD, *_JUDGED, "call.completed")
_PREMATURE: Final = (*_HEARD, *_JUDGED, "call.premature")


def _proper(
    title: str, *said: Said, node: str = "resolved", weight: int = 3, also: tuple[str, ...] = ()
) -> Story:
    nodes = RESOLVED if node == "resolved" else CALLBACK
    return Story(title, (*_TALK, *said), Verdict.PROPER, (*_COMPLETED, *also), nodes, node, weight)


def _premature(title: str, *said: Said, weight: int = 2, also: tuple[str, ...] = ()) -> Story:
    return Story(title, (*_TALK, *said), Verdict.PREMATURE, (*_PREMATURE, *also), weight=weight)


def _unconnected(title: str, *said: Said, hook: str) -> Story:
    return Story(title, (*_DIALLED, *said), Verdict.NOT_CONNECTED, (*_JUDGED, hook))


STORIES: Final = (
    _proper(
        "a goodbye, then the end",
        *_goodbye("resolved"),
        _ends("end_node"),
        _ANALYTICS,
        weight=10,
        also=_ANALYSED,
    ),
    _proper(
        "a goodbye that promises a call back",
        *_goodbye("callback"),
        _ends("agent_hangup"),
        _ANALYTICS,
        node="callback",
        weight=5,
        also=_ANALYSED,
    ),
    _proper(
        "an end that names its End Call node",
        *_goodbye("resolved"),
        _ends("end_node", end_node_id="resolved"),
        _ANALYTICS,
        also=_ANALYSED,
    ),
    _proper(
        "the caller leaves during the goodbye",
        _enters("resolved", 60.0, "end_call"),
        _ends("caller_hangup", 61.0),
        _ANALYTICS,
        also=_ANALYSED,
    ),
    _proper(
        "the line goes silent after the goodbye", *_goodbye("callback"), _ends("inactivity"), node="callback"
    ),
    _proper("analytics never come", *_goodbye("resolved"), _ends("agent_hangup"), weight=1),
    _proper(
        "a goodbye, and nobody says that it ended",
        *_goodbye("callback"),
        node="callback",
        weight=1,
        also=("call.lost",),
    ),
    _premature("the caller hangs up", _ends("caller_hangup"), _ANALYTICS, weight=8, also=_ANALYSED),
    _premature("the agent hangs up before an End Call node", _ends("agent_hangup")),
    _premature(
        "one more question after the goodbye",
        *_goodbye("resolved"),
        _enters("answer", 64.0),
        _ends("caller_hangup"),
    ),
    _premature(
        "an answering machine",
        _line(30.0, "voicemail.detected"),
        _enters("resolved", 60.0, "end_call"),
        _ends("voicemail"),
        also=("call.voicemail",),
    ),
    _premature("the caller falls silent", _ends("inactivity")),
    _premature("the agent fails", _ends("agent_error"), also=("call.failed",)),
    _premature("nobody says that it ended", weight=1, also=("call.lost",)),
    Story(
        "handed to a person",
        (*_TALK, _line(50.0, "transfer.bridged"), _ends("transferred")),
        Verdict.TRANSFERRED,
        (*_HEARD, *_JUDGED, "call.transferred"),
        weight=3,
    ),
    _unconnected("busy", _ends("busy", 3.0), hook="call.busy"),
    _unconnected(
        "busy, says one; completed, says the other",
        _ends("busy", 3.0),
        replace(_ends("completed", 3.5), source=RUNTIME),
        hook="call.busy",
    ),
    _unconnected("no answer", _ends("no-answer", 30.0), hook="call.no_answer"),
    _unconnected("cancelled", _ends("canceled", 2.0), hook="call.cancelled"),
    _unconnected("rejected", _ends("rejected", 3.0), hook="call.failed"),
    Story(
        "the goodbye is heard of after the verdict",
        (
            *_TALK,
            replace(_enters("resolved", 60.0, "end_call"), after_verdict=True),
            _ends("caller_hangup", 61.0),
        ),
        Verdict.PROPER,
        (*_PREMATURE, "call.outcome_upgraded", "call.settled"),
        RESOLVED,
        "resolved",
    ),
)
"""Every outcome that a call can have, and the ways to it that are easily mistaken for another."""
