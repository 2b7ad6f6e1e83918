"""From the first event of a conversation to its verdict, and what may still raise that.

`hear` takes an event, `lapse` a silent tick: a time that came with everything handled that Kafka had
until then. Only `lapse` closes a grace or a window; `hear` looks at no clock but the workers' `now`,
from which it sets the next timer, because events may wait in Kafka longer than any window (R14).

- The first terminal event opens the grace (R14). One that names an End Call node concludes at once (R2),
  except under `proper_end: spoken` while the closing line is not known.
- Until then each event opens a timer anew, counted from the worker's clock; it takes the call for
  lost (R12). Events that only enrich, or that nobody knows, open none by themselves.
- After the verdict evidence may raise it until the upgrade window is closed (R15); of a lost call for
  ever (R12). What would lower it is a conflict, and counted.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, assert_never

from msgspec.structs import replace

from schemas.calls import Conversation
from schemas.events import CALL_ENDED, ENRICHING_TYPES, EVENT_TYPES, Event
from schemas.evidence import Evidence, Stage
from schemas.outcomes import Outcome, Upgrade, Verdict
from schemas.reasons import canonical
from schemas.workflow import Workflow
from streams.evidence import NODE_OR_TURN, ended_at, pin, word
from streams.learning import add
from streams.nodes import at_end_call
from streams.verdict import (
    LATE_EVIDENCE,
    judge,
    names_end_node,
    refuses_end_node,
    spoken_in_time,
)

NOTES: Final = frozenset(
    {
        "after_end",
        "clock_skew",
        "conflict",
        "end_node_id_refused",
        "ended_without_end_node",
        "lost",
        "node_unreadable",
        "outcome_upgraded",
        "several_terminals",
        "unknown_node",
        "unknown_type",
        "unmapped_reason",
    }
)
"""What is counted besides results: an event after the end (R16) · nodes heard before the end by clocks that
say after it (R14) · evidence that would change a verdict but not raise it (R15) · an `end_node_id` that the
workflow says is none · R4 · R12 · a node event without a usable `node_id` · R15 · R11 · a node that the
workflow does not know · a type that nobody knows · a raw reason that nobody mapped."""


@dataclass(frozen=True, slots=True)
class Durations:
    """How long the timers of a call run, and how far producers' clocks may differ."""

    grace: timedelta = timedelta(seconds=3)
    clock_tolerance: timedelta = timedelta(seconds=2)
    lost_queued: timedelta = timedelta(hours=24)
    lost_ringing: timedelta = timedelta(seconds=120)
    lost_live: timedelta = timedelta(seconds=3660)
    lost_after_end_node: timedelta = timedelta(seconds=60)
    upgrade_window: timedelta = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Concluded:
    """A verdict was reached: the first one (`upgraded_from` None), or one raised by late evidence."""

    outcome: Outcome
    upgraded_from: Verdict | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """What one event did to a conversation, and as what it counts."""

    conversation: Conversation
    result: Literal["applied", "ignored", "late"]
    concluded: Concluded | None = None
    notes: tuple[str, ...] = ()
    """Out of NOTES."""


@dataclass(frozen=True, slots=True)
class Lapse:
    """What a silent tick did to a conversation; when nothing was due, it is the same one."""

    conversation: Conversation
    concluded: Concluded | None = None
    notes: tuple[str, ...] = ()


def hear(
    conversation: Conversation, event: Event, workflow: Workflow | None, now: datetime, durations: Durations
) -> Turn:
    """Take in an event that is not a duplicate. `workflow` is the pinned one, None if unknown."""
    if conversation.outcome is not None:
        return _hear_late(conversation, conversation.outcome, event, workflow, now, durations)
    evidence = add(conversation.evidence, event)
    notes = _notes(event, workflow)
    if event.type == CALL_ENDED:
        return _hear_end(conversation, evidence, notes, workflow, now, durations)
    if evidence.terminals:
        heard = replace(conversation, evidence=evidence)
        if _too_late(event, evidence, durations):
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


def raisable(conversation: Conversation) -> bool:
    """Late evidence may still raise the verdict (R15; of a lost call always, R12)."""
    outcome = conversation.outcome
    return outcome is not None and (conversation.window_until is not None or outcome.synthetic)


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
    """A terminal names an End Call node, which needs no grace (R2)."""
    named = next((t.end_node_id for t in evidence.terminals if names_end_node(t, workflow)), None)
    if named is None:
        return False
    return workflow is None or workflow.proper_end == "reached" or spoken_in_time(evidence, named)


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


def _hear_late(
    conversation: Conversation,
    outcome: Outcome,
    event: Event,
    workflow: Workflow | None,
    now: datetime,
    durations: Durations,
) -> Turn:
    notes = _notes(event, workflow)
    if event.type in ENRICHING_TYPES or event.type not in EVENT_TYPES:
        return Turn(conversation, "applied", notes=notes)
    if not raisable(conversation):
        return Turn(conversation, "late", notes=notes)
    evidence = add(conversation.evidence, event, late=True)
    heard = replace(conversation, evidence=evidence)
    if _too_late(event, evidence, durations):
        return Turn(heard, "ignored", notes=(*notes, "after_end"))
    found = judge(evidence, workflow, durations.clock_tolerance).outcome
    if found.verdict.rank > outcome.verdict.rank:
        return _upgrade(heard, outcome, found, notes, now, durations)
    before = judge(conversation.evidence, workflow, durations.clock_tolerance).outcome
    if _conflicts(outcome, found) and (found.verdict, found.end_node_id) != (
        before.verdict,
        before.end_node_id,
    ):
        notes = (*notes, "conflict")
    return Turn(heard, "late", notes=notes)


def _conflicts(outcome: Outcome, found: Outcome) -> bool:
    """Had it been known in time, another verdict would stand (never a higher one)."""
    return (found.verdict, found.end_node_id) != (outcome.verdict, outcome.end_node_id)


def _upgrade(
    conversation: Conversation,
    outcome: Outcome,
    found: Outcome,
    notes: tuple[str, ...],
    now: datetime,
    durations: Durations,
) -> Turn:
    """Raise the verdict. The window stays that of the first verdict, but the real end of a call that was
    taken for lost opens one: other producers have yet to speak."""
    raised = replace(found, flags=tuple(sorted({*found.flags, LATE_EVIDENCE})))
    upgrade = Upgrade(before=outcome.verdict, after=raised.verdict, rule=raised.rule)
    upgraded = replace(
        conversation,
        outcome=raised,
        decided_at=now,
        window_until=now + durations.upgrade_window if outcome.synthetic else conversation.window_until,
        upgrades=(*conversation.upgrades, upgrade),
    )
    notes = (*notes, "outcome_upgraded")
    return Turn(upgraded, "late", Concluded(raised, outcome.verdict), notes)


def _patience(evidence: Evidence, at_end: bool, durations: Durations) -> timedelta | None:
    """How long the call may be silent before it counts as lost (R12)."""
    if at_end:
        return durations.lost_after_end_node
    if evidence.stage == Stage.LIVE:
        return durations.lost_live
    if evidence.stage == Stage.DIALLED:
        return durations.lost_ringing
    return durations.lost_queued if evidence.stage == Stage.QUEUED else None


def _too_late(event: Event, evidence: Evidence, durations: Durations) -> bool:
    """A node or turn event after the end of the call, beyond what clocks may differ (R16)."""
    if event.type not in NODE_OR_TURN:
        return False
    end = ended_at(evidence)
    return end is not None and event.occurred_at > end + durations.clock_tolerance


def _skewed(evidence: Evidence, durations: Durations) -> bool:
    """Nodes that were heard before the end happened after it, if clocks are right."""
    end = ended_at(evidence)
    return end is not None and any(
        node.order.at > end + durations.clock_tolerance for node in evidence.entered[-1:]
    )


def _notes(event: Event, workflow: Workflow | None) -> tuple[str, ...]:
    if event.type == CALL_ENDED:
        return _notes_of_end(event, workflow)
    if event.type == "node.entered":
        return () if word(event.data.get("node_id")) else ("node_unreadable",)
    return () if event.type in EVENT_TYPES else ("unknown_type",)


def _notes_of_end(event: Event, workflow: Workflow | None) -> tuple[str, ...]:
    end_node_id = word(event.data.get("end_node_id"))
    mapped = canonical(event.data.get("reason"), event.data.get("raw_reason")).mapped
    refused = end_node_id is not None and refuses_end_node(end_node_id, workflow)
    return (*(() if mapped else ("unmapped_reason",)), *(("end_node_id_refused",) if refused else ()))
