"""Evidence that comes after the verdict: it may raise it, and never lowers it (R15).

The order is NOT_CONNECTED < PREMATURE < TRANSFERRED < PROPER. What would lower a verdict, or name another
End Call node, is a conflict, counted once. A call that was taken for lost has no window: any later sign
of life, however late, is judged with the rest, and its real end then gives the verdict (R12).
"""

from datetime import datetime

from msgspec.structs import replace

from schemas.calls import Conversation
from schemas.events import Event
from schemas.outcomes import Outcome, Upgrade, Verdict
from schemas.workflow import Workflow
from streams.verdicts.changes import Concluded, Durations, Turn, after_end, notes_of, tells_of_the_call
from streams.verdicts.learning import add
from streams.verdicts.verdict import LATE_EVIDENCE, judge


def raisable(conversation: Conversation) -> bool:
    """Late evidence may still raise the verdict (R15; of a lost call always, R12)."""
    outcome = conversation.outcome
    return outcome is not None and (conversation.window_until is not None or outcome.synthetic)


def hear_late(
    conversation: Conversation,
    outcome: Outcome,
    event: Event,
    workflow: Workflow | None,
    now: datetime,
    durations: Durations,
) -> Turn:
    """Take in an event after the verdict `outcome`."""
    notes = notes_of(event, workflow)
    if not tells_of_the_call(event):
        return Turn(conversation, "applied", notes=notes)
    window_open = raisable(conversation)
    evidence = add(conversation.evidence, event, late=True) if window_open else conversation.evidence
    heard = replace(conversation, evidence=evidence)
    if after_end(event, evidence, durations):
        return Turn(heard, "ignored", notes=(*notes, "after_end"))
    if not window_open:
        return Turn(heard, "late", notes=notes)
    found = judge(evidence, workflow, durations.clock_tolerance).outcome
    if found.verdict.rank > outcome.verdict.rank:
        return _upgrade(heard, outcome, found, notes, now, durations)
    if _claim(found) != _claim(outcome):
        before = judge(conversation.evidence, workflow, durations.clock_tolerance).outcome
        if _claim(found) != _claim(before):
            notes = (*notes, "conflict")
    return Turn(heard, "late", notes=notes)


def judge_again(
    conversation: Conversation,
    outcome: Outcome,
    workflow: Workflow,
    now: datetime,
    durations: Durations,
) -> Turn:
    """Judge a call once more whose workflow nobody knew at its verdict (R19); what that raises is raised."""
    found = judge(conversation.evidence, workflow, durations.clock_tolerance).outcome
    if found.verdict.rank > outcome.verdict.rank:
        return _upgrade(conversation, outcome, found, (), now, durations)
    return Turn(conversation, "late")


def _claim(outcome: Outcome) -> tuple[Verdict, str | None]:
    """What two readings of a call can be in conflict about."""
    return outcome.verdict, outcome.end_node_id


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
