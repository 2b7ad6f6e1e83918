"""From the first event of a conversation to its verdict, and what may still raise that.

`hear` takes an event, `lapse` a silent tick: a time that came with everything handled that Kafka had
until then. Only `lapse` closes a grace or a window; `hear` looks at no clock but the workers' `now`,
from which it sets the next timer, because events may wait in Kafka longer than any window (R14).

- The first terminal event opens the grace (R14). One that names an End Call node concludes at once (R2),
  except under `proper_end: spoken` while the closing line is not known.
- Until then each event opens a timer anew, counted from the worker's clock; it takes the call for
  lost (R12). Events that only enrich, or that nobody knows, open none by themselves.
- After the verdict evidence may raise it (`streams/verdicts/late.py`) until the upgrade window is closed (R15).
"""

from datetime import datetime, timedelta
from typing import Final, assert_never

from msgspec.structs import replace

from schemas.calls import Conversation
from schemas.events import CALL_ENDED, Event
from schemas.evidence import Evidence, Stage
from schemas.outcomes import Outcome, Verdict
from schemas.workflow import Workflow
from streams.evidence import agent_id, ended_at, pin
from streams.verdicts.changes import NOTES, Concluded, Durations, Lapse, Turn, after_end, notes_of
from streams.verdicts.late import hear_late, judge_again, raisable
from streams.verdicts.learning import add
from streams.verdicts.nodes import at_end_call
from streams.verdicts.verdict import judge, names_end_node, spoken_in_time

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
    patience = _patience(evidence, at_end, durations)
    due = None if patience is None else now + patience
    heard = replace(conversation, evidence=evidence, at_end=at_end, conclude_at=due)
    return Turn(heard, "applied", notes=notes)


def lapse(
    conversation: Conversation,
    workflow: Workflow | None,
    due: datetime,
    now: datetime,
    durations: Durations,
) -> Lapse:
    """Close what was due by `due`: the grace, the patience with a silent call, or the upgrade window."""
    if conversation.outcome is None:
        if conversation.conclude_at is None or conversation.conclude_at > due:
            return Lapse(conversation)
        concluded, outcome, notes = _conclude(conversation, workflow, now, durations)
        return Lapse(concluded, Concluded(outcome), notes)
    if conversation.window_until is not None and conversation.window_until <= due:
        return Lapse(replace(conversation, window_until=None))
    return Lapse(conversation)


def silent_due(conversation: Conversation) -> datetime | None:
    """When silence will next mean something for this conversation."""
    return conversation.conclude_at if conversation.outcome is None else conversation.window_until


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
    if not _ends_for_certain(evidence, workflow):
        return Turn(heard, "applied", notes=notes)
    concluded, outcome, found = _conclude(heard, workflow, now, durations)
    return Turn(concluded, "applied", Concluded(outcome), (*notes, *found))


def _ends_for_certain(evidence: Evidence, workflow: Workflow | None) -> bool:
    """A terminal names an End Call node, which needs no grace (R2), unless whose call it is has yet to be
    said: then its nodes are not known, and another producer may be about to say it."""
    named = next((t.end_node_id for t in evidence.terminals if names_end_node(t, workflow)), None)
    if named is None:
        return False
    if workflow is None:
        return agent_id(evidence) is not None or pin(evidence)[0] is not None
    return workflow.proper_end == "reached" or spoken_in_time(evidence, named)


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


def _patience(evidence: Evidence, at_end: bool, durations: Durations) -> timedelta | None:
    """How long the call may be silent before it counts as lost (R12)."""
    if at_end:
        return durations.lost_after_end_node
    if evidence.stage == Stage.LIVE:
        return durations.lost_live
    if evidence.stage == Stage.DIALLED:
        return durations.lost_ringing
    return durations.lost_queued if evidence.stage == Stage.QUEUED else None


def _skewed(evidence: Evidence, durations: Durations) -> bool:
    """Nodes that were heard before the end happened after it, if clocks are right."""
    end = ended_at(evidence)
    return end is not None and any(
        node.order.at > end + durations.clock_tolerance for node in evidence.entered[-1:]
    )
