"""A verdict is reached, or raised: what is told, what is fired, what is planned.

A verdict emits `call.outcome` and fires its outcome webhooks; an upgrade (R15) emits
`call.outcome_upgraded` and fires only that. The nodes of a proper end are planned once, by whichever
verdict was proper first.
"""

from datetime import datetime

from msgspec.structs import replace

from schemas.calls import Conversation
from schemas.delivery import State
from schemas.outcomes import Outcome, Verdict
from streams import evidence, graph, lifecycle, plan, progress, records, webhooks
from streams.draft import Draft
from streams.lifecycle import Concluded


def conclude(draft: Draft, number: int, concluded: Concluded, *, replay: bool = False) -> None:
    """Act on a verdict that `lifecycle` has reached, maybe because of a `replay` (R19)."""
    conversation = draft.conversation(number)
    unknown = _is_unknown(draft, conversation)
    conversation = draft.amend(number, verdicts=conversation.verdicts + 1, unknown_workflow=unknown)
    outcome, before = concluded.outcome, concluded.upgraded_from
    draft.emit(records.outcome(draft.call.call_id, conversation, outcome, before, draft.now))
    draft.count("outcome", outcome.verdict.value, outcome.rule)
    if before is None and draft.agent(conversation) is None:
        draft.count("notes", "unknown_agent")
    webhooks.on_verdict(draft, number, before)
    if outcome.verdict is Verdict.PROPER and not conversation.planned:
        plan_nodes(draft, conversation, outcome, replay=replay)
    progress.advance(draft, number)


def lapse(draft: Draft, number: int, due: datetime) -> None:
    """A silent tick: windows that were due by then close, and may conclude."""
    conversation = draft.conversation(number)
    workflow = draft.workflow(conversation)
    turn = lifecycle.lapse(conversation, workflow, due, draft.now, draft.policy.durations)
    draft.put(turn.conversation)
    for note in turn.notes:
        draft.count("notes", note)
    if turn.concluded is not None:
        conclude(draft, number, turn.concluded)


def plan_nodes(draft: Draft, conversation: Conversation, outcome: Outcome, *, replay: bool = False) -> None:
    """Plan what hangs on the End Call node of a proper end."""
    draft.amend(conversation.number, planned=True)
    workflow = draft.workflow(conversation)
    if workflow is None or outcome.end_node_id is None:
        draft.count("notes", _unknown(draft, conversation))
        return
    if not graph.after_end(workflow, outcome.end_node_id):
        draft.count("notes", "no_nodes")
    skipped = workflow.test_calls == "skip" and evidence.is_test(conversation.evidence)
    deliveries = plan.planned(draft.call.call_id, conversation, workflow, outcome.end_node_id, draft.now)
    for delivery in deliveries:
        not_run = replace(delivery, state=State.SKIPPED, why=plan.TEST_CALL)
        draft.deliver(not_run if skipped else replace(delivery, replay=replay))


def _is_unknown(draft: Draft, conversation: Conversation) -> bool:
    """Whether the call's workflow, or the voice agent that would name it, was never applied (R19)."""
    if draft.workflow(conversation) is not None:
        return False
    agent_id = evidence.agent_id(conversation.evidence)
    return conversation.workflow_id is not None or (
        agent_id is not None and draft.agent(conversation) is None
    )


def _unknown(draft: Draft, conversation: Conversation) -> str:
    """What of the call's workflow nobody has applied (R19): a version of a known one, or all of it."""
    workflow_id = conversation.workflow_id
    known = workflow_id is not None and draft.definitions.in_force(workflow_id) is not None
    return "unknown_version" if known else "unknown_workflow"
