"""From the first event of a conversation to its verdict, and what may still raise that.

`hear` takes an event, `lapse` a silent tick: a time that came with everything handled that Kafka had
until then. Only `lapse` closes a grace or a window; `hear` looks at no clock but the workers' `now`,
from which it sets the next timer, because events may wait in Kafka longer than any window (R14).

- The first terminal event opens the grace (R14). One that names an End Call node concludes at once (R2),
  except under `proper_end: spoken` while the closing line is not known.
- Until then each event opens a timer anew, counted from the worker's clock; it takes the call for
  lost (R12). Events that only enrich, or that nobody knows, open none by themselves.
- After the verdict evidence may raise it until the upgrade window is closed (R15), at the end of a grace of
  its own; a call that was taken for lost goes on instead (R12): `streams/verdicts/late.py`.
"""

from datetime import datetime
from typing import Final, assert_never

from msgspec.structs import replace

from schemas.calls import Conversation
from schemas.events import CALL_ENDED, Event
from schemas.evidence import Evidence
from schemas.outcomes import Outcome, Verdict
from schemas.workflow import Workflow
from streams.evidence import ended_at, pin
from streams.verdicts.changes import NOTES, Concluded, Durations, Lapse, Turn, after_end, notes_of
from streams.verdicts.late import conclude_late, hear_late, judge_again, raisable
from streams.verdicts.learning import add
from streams.verdicts.nodes import at_end_call
from streams.verdicts.timers import ends_for_certain, patience
from streams.verdicts.verdict import judge

__all__ = [
    "NOTES",
    "Concluded",
    "Durations",
    "Lapse",
    "Turn",
    "hear",
    "judge_again",
    "lapse",
    "pinned",
    "raisable",
    "silent_due",
    "webhook_types",
]


def hear(
    conversation: Conversation, event: Event, workflow: Workflow | None, now: datetime, durations: Durations
) -> Turn:
    """Take in an event that is not a duplicate. `workflow` is the pinned one, None if unknown."""
    if conversation.outcome is not None:
        return hear_late(conversation, conversation.outcome, event, workflow, now, durations)
    evidence = add(conversation.evidence, event)
    notes = notes_of(event, workflow)
    if event.type == CALL_ENDED:
        return _hear_end(conversation, evidence, notes, workflow, now, durations)
    if evidence.terminals:
        heard = replace(conversation, evidence=evidence)
        if after_end(event, evidence, durations):
            return Turn(heard, "ignored", notes=(*notes, "after_end"))
        return Turn(heard, "applied", notes=notes)
    at_end = at_end_call(evidence.entered, workflow) if event.type == "node.entered" else conversation.at_end
    silent_for = patience(evidence, at_end, durations)
    due = None if silent_for is None else now + silent_for
    heard = replace(conversation, evidence=evidence, at_end=at_end, conclude_at=due)
    return Turn(heard, "applied", notes=notes)


def lapse(
    conversation: Conversation,
    workflow: Workflow | None,
    due: datetime,
    now: datetime,
    durations: Durations,
) -> Lapse:
    """Close what was due by `due`: a grace, the patience with a silent call, or the upgrade window, which
    stays open for as long as one of the others runs."""
    soonest = silent_due(conversation)
    if soonest is None or soonest > due:
        return Lapse(conversation)
    if conversation.outcome is None:
        concluded, outcome, notes = _conclude(conversation, workflow, now, durations)
        return Lapse(concluded, Concluded(outcome), notes)
    lapsed = Lapse(conversation)
    if conversation.conclude_at is not None:
        lapsed = conclude_late(conversation, conversation.outcome, workflow, now, durations)
    window_until = lapsed.conversation.window_until
    if window_until is not None and window_until <= due:
        lapsed = replace(lapsed, conversation=replace(lapsed.conversation, window_until=None))
    return lapsed


def silent_due(conversation: Conversation) -> datetime | None:
    """When silence will next mean something for this conversation."""
    return conversation.window_until if conversation.conclude_at is None else conversation.conclude_at


def pinned(evidence: Evidence, event: Event | None = None) -> tuple[str | None, int | None]:
    """The workflow and version that the call's events name, counting in an event not yet heard."""
    return pin(evidence if event is None else add(evidence, event))


def webhook_types(outcome: Outcome) -> tuple[str, ...]:
    """The outcome webhooks of a first verdict, `call.ended` first; an upgrade fires none of them."""
    types = [CALL_ENDED]
    match outcome.verdict:
        case Verdict.PROPER:
            types.append("call.completed")
        case Verdict.TRANSFERRED:
            types.append("call.transferred")
        case Verdict.PREMATURE:
            types.append("call.premature")
            types.extend(_BESIDE_PREMATURE.get(outcome.reason, ()))
        case Verdict.NOT_CONNECTED:
            types.append(_NOT_CONNECTED.get(outcome.reason, "call.failed"))
        case _:
            assert_never(outcome.verdict)
    return (*types, "call.lost") if outcome.synthetic else tuple(types)


_BESIDE_PREMATURE: Final = {
    "voicemail": ("call.voicemail",),
    **dict.fromkeys(("agent_error", "platform_error", "no_audio", "transfer_failed"), ("call.failed",)),
}
_NOT_CONNECTED: Final = {"busy": "call.busy", "no_answer": "call.no_answer", "cancelled": "call.cancelled"}


def _hear_end(
    conversation: Conversation,
    evidence: Evidence,
    notes: tuple[str, ...],
    workflow: Workflow | None,
    now: datetime,
    durations: Durations,
) -> Turn:
    running = bool(conversation.evidence.terminals)
    if not running and _skewed(evidence, durations):
        notes = (*notes, "clock_skew")
    due = conversation.conclude_at if running else now + durations.grace
    heard = replace(conversation, evidence=evidence, conclude_at=due)
    if not ends_for_certain(evidence, workflow):
        return Turn(heard, "applied", notes=notes)
    concluded, outcome, found = _conclude(heard, workflow, now, durations)
    return Turn(concluded, "applied", Concluded(outcome), (*notes, *found))


def _conclude(
    conversation: Conversation, workflow: Workflow | None, now: datetime, durations: Durations
) -> tuple[Conversation, Outcome, tuple[str, ...]]:
    found = judge(conversation.evidence, workflow, durations.clock_tolerance)
    concluded = replace(
        conversation,
        outcome=found.outcome,
        decided_at=now,
        conclude_at=None,
        window_until=now + durations.upgrade_window,
    )
    return concluded, found.outcome, found.notes


def _skewed(evidence: Evidence, durations: Durations) -> bool:
    """Nodes that were heard before the end happened after it, if clocks are right."""
    end = ended_at(evidence)
    return end is not None and any(
        node.order.at > end + durations.clock_tolerance for node in evidence.entered[-1:]
    )
