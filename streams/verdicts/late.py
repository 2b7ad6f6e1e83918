"""Evidence that comes after the verdict: it may raise it, and never lowers it (R15).

The order is NOT_CONNECTED < PREMATURE < TRANSFERRED < PROPER. Late events come in a crowd (a backlog, a
partition that lagged behind), and the first of them tells half a story: an End Call node entered, and not
that it was left again. So a verdict is raised as it was found, when a timer lapses, by all that is known
then:
- Evidence that would raise it opens a grace; what comes within is judged together with it. A terminal that
  names an End Call node concludes at once (R2).
- A call that was taken for lost and speaks again goes on: until its real end it has the timers of a call
  without a verdict, each sign of life opening them anew, and then the grace. Only the end of that, or
  another silence, raises the verdict. For such a call no window closes (R12).

What would lower a verdict, or name another End Call node, is a conflict, counted once a verdict.
"""

from datetime import datetime

from msgspec.structs import replace

from schemas.calls import Conversation
from schemas.events import CALL_ENDED, Event
from schemas.outcomes import Outcome, Upgrade, Verdict
from schemas.workflow import Workflow
from streams.verdicts.changes import (
    Concluded,
    Durations,
    Lapse,
    Turn,
    after_end,
    notes_of,
    tells_of_the_call,
)
from streams.verdicts.learning import add
from streams.verdicts.nodes import at_end_call
from streams.verdicts.timers import ends_for_certain, patience
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
    heard = conversation
    if raisable(conversation):
        known = conversation.evidence
        heard = replace(conversation, evidence=add(known, event, late=_has_ended(conversation, outcome)))
    if after_end(event, heard.evidence, durations):
        return Turn(heard, "ignored", notes=(*notes, "after_end"))
    if not raisable(conversation):
        return Turn(heard, "late", notes=notes)
    if not heard.evidence.terminals:
        return Turn(_goes_on(heard, event, workflow, now, durations), "late", notes=notes)
    first_end = not conversation.evidence.terminals
    weighed = _weigh(heard, outcome, event, first_end, workflow, now, durations)
    return Turn(weighed.conversation, "late", weighed.concluded, (*notes, *weighed.notes))


def conclude_late(
    conversation: Conversation,
    outcome: Outcome,
    workflow: Workflow | None,
    now: datetime,
    durations: Durations,
) -> Lapse:
    """Judge again by all that is known, and raise the verdict `outcome` if the new one is higher."""
    found = judge(conversation.evidence, workflow, durations.clock_tolerance).outcome
    return _act_on(conversation, outcome, found, now, durations)


def _has_ended(conversation: Conversation, outcome: Outcome) -> bool:
    """The end of the call is settled, so another terminal does not move it. Of a lost call it is when the
    grace of its real end is over."""
    return not outcome.synthetic or (
        bool(conversation.evidence.terminals) and conversation.conclude_at is None
    )


def _goes_on(
    heard: Conversation, event: Event, workflow: Workflow | None, now: datetime, durations: Durations
) -> Conversation:
    """A call that was taken for lost speaks again: it may fall silent once more, as before its verdict."""
    at_end = at_end_call(heard.evidence.entered, workflow) if event.type == "node.entered" else heard.at_end
    silent_for = patience(heard.evidence, at_end, durations)
    return replace(heard, at_end=at_end, conclude_at=None if silent_for is None else now + silent_for)


def _weigh(
    heard: Conversation,
    outcome: Outcome,
    event: Event,
    first_end: bool,
    workflow: Workflow | None,
    now: datetime,
    durations: Durations,
) -> Lapse:
    """Evidence of a call whose end is known (`first_end`: by this event): act on it now, or wait for more."""
    found = judge(heard.evidence, workflow, durations.clock_tolerance).outcome
    raises = found.verdict.rank > outcome.verdict.rank
    certain = event.type == CALL_ENDED and ends_for_certain(heard.evidence, workflow)
    if certain and (raises or first_end):
        return _act_on(heard, outcome, found, now, durations)
    if first_end or (raises and heard.conclude_at is None):
        return Lapse(replace(heard, conclude_at=now + durations.grace))
    if heard.conclude_at is not None:
        return Lapse(heard)
    return _act_on(heard, outcome, found, now, durations)


def _act_on(
    conversation: Conversation, outcome: Outcome, found: Outcome, now: datetime, durations: Durations
) -> Lapse:
    """Act on what all that is known comes to: a higher verdict, a conflict, or nothing."""
    if found.verdict.rank > outcome.verdict.rank:
        return _upgrade(conversation, outcome, found, now, durations)
    judged = replace(conversation, conclude_at=None)
    if conversation.contested or _claim(found) == _claim(outcome):
        return Lapse(judged)
    return Lapse(replace(judged, contested=True), notes=("conflict",))


def judge_again(
    conversation: Conversation,
    outcome: Outcome,
    workflow: Workflow,
    now: datetime,
    durations: Durations,
) -> Lapse:
    """Judge a call once more whose workflow nobody knew at its verdict (R19); what that raises is raised."""
    found = judge(conversation.evidence, workflow, durations.clock_tolerance).outcome
    if found.verdict.rank > outcome.verdict.rank:
        return _upgrade(conversation, outcome, found, now, durations)
    return Lapse(conversation)


def _claim(outcome: Outcome) -> tuple[Verdict, str | None]:
    """What two readings of a call can be in conflict about."""
    return outcome.verdict, outcome.end_node_id


def _upgrade(
    conversation: Conversation, outcome: Outcome, found: Outcome, now: datetime, durations: Durations
) -> Lapse:
    """Raise the verdict. The window stays that of the first verdict, but the end of a call that was taken
    for lost opens one: other producers have yet to speak."""
    raised = replace(found, flags=tuple(sorted({*found.flags, LATE_EVIDENCE})))
    upgrade = Upgrade(before=outcome.verdict, after=raised.verdict, rule=raised.rule)
    upgraded = replace(
        conversation,
        outcome=raised,
        decided_at=now,
        conclude_at=None,
        contested=False,
        window_until=now + durations.upgrade_window if outcome.synthetic else conversation.window_until,
        upgrades=(*conversation.upgrades, upgrade),
    )
    return Lapse(upgraded, Concluded(raised, outcome.verdict), ("outcome_upgraded",))
