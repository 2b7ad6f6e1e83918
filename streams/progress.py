"""How the nodes of a proper end move on: from waiting for parents and data to a rendered request.

A node that may go waits until the data which its templates and its condition use is there, at most
until the ready deadline; then its condition is asked, and then it is rendered, once.
"""

from datetime import datetime
from typing import assert_never

from msgspec.structs import replace

from schemas.calls import Conversation
from schemas.delivery import Delivery, State
from schemas.workflow import Node, Workflow
from streams import conditions, dispatch, evidence, graph, plan, readiness, records, requests, webhooks
from streams.draft import Draft
from streams.plan import Gate, Go, Hold, Skip
from streams.template import RenderFault
from streams.templates.paths import PathFault


def advance(draft: Draft, number: int, silent_until: datetime | None = None) -> None:
    """Move every node of an incarnation on as far as it goes.

    `silent_until` is the due time of the silent tick that is handled, None otherwise: only such a
    tick ends a wait for data.
    """
    conversation = draft.conversation(number)
    if conversation.planned and conversation.outcome is not None:
        workflow = draft.workflow(conversation)
        if workflow is None:
            _without_workflow(draft, number, silent_until)
        else:
            _with_workflow(draft, number, workflow, conversation.outcome.end_node_id or "", silent_until)
    settle_actions(draft, number)


def settle_actions(draft: Draft, number: int) -> None:
    """Tell `call.settled` once the actions of the latest verdict, or of a replay, are final."""
    conversation = draft.conversation(number)
    if not to_be_told(conversation) or not all(one.settled for one in _nodes(draft, number)):
        return
    upgraded = conversation.actions_settled > 0 and conversation.verdicts > 1
    conversation = draft.amend(number, actions_settled=conversation.verdicts + conversation.replays)
    deliveries = draft.deliveries(number)
    draft.emit(records.settled(draft.call.call_id, conversation, deliveries, upgraded, draft.now))
    webhooks.on_settled(draft, number, upgraded)


def to_be_told(conversation: Conversation) -> bool:
    """Whether a `call.settled` is still to come."""
    return conversation.actions_settled < conversation.verdicts + conversation.replays


def _with_workflow(
    draft: Draft, number: int, workflow: Workflow, end_node_id: str, silent_until: datetime | None
) -> None:
    """One that ends without a request may free or skip those after it; go on until none does."""
    moving = True
    while moving:
        _open_gates(draft, number, workflow, end_node_id)
        unready = _nodes(draft, number, State.UNREADY)
        if not unready:
            return
        for delivery in unready:
            _when_ready(draft, delivery, workflow, silent_until)
        asked = {delivery.id for delivery in unready}
        moving = any(one.settled for one in _nodes(draft, number) if one.id in asked)


def _without_workflow(draft: Draft, number: int, silent_until: datetime | None) -> None:
    """Somebody has deleted the pinned version. It may come back until the ready deadline; then what
    it had yet to say cannot be sent."""
    conversation = draft.conversation(number)
    give_up_at = (conversation.decided_at or draft.now) + draft.policy.ready_deadline
    for delivery in _nodes(draft, number, State.WAITING, State.UNREADY):
        if silent_until is not None and silent_until >= give_up_at:
            why = f"found no workflow {conversation.workflow_id}@{conversation.workflow_version}"
            dispatch.give_up(draft, replace(delivery, fault=f"{why}; expected the pinned version"), "ours")
        else:
            draft.deliver(replace(delivery, due=give_up_at))


def _nodes(draft: Draft, number: int, *states: State) -> list[Delivery]:
    """The nodes of an incarnation that are in one of these states, in the order of their plan."""
    return [
        one
        for one in draft.call.deliveries
        if one.incarnation == number and one.kind == "node" and (not states or one.state in states)
    ]


def _open_gates(draft: Draft, number: int, workflow: Workflow, end_node_id: str) -> None:
    """Let through what waits for nothing more. A plan has parents before children: one pass is enough."""
    states = {one.id: one.state for one in _nodes(draft, number)}
    for delivery in _nodes(draft, number, State.WAITING):
        passed = _through_gate(
            draft, delivery, workflow, plan.gate(graph.parents(workflow, delivery.id, end_node_id), states)
        )
        if passed != delivery:
            draft.deliver(passed)
            states[delivery.id] = passed.state


def _through_gate(draft: Draft, delivery: Delivery, workflow: Workflow, gate: Gate) -> Delivery:
    match gate:
        case Skip(why):
            return replace(delivery, state=State.SKIPPED, why=why, due=None)
        case Go():
            deadline = workflow.ready_deadline or draft.policy.ready_deadline
            since = draft.conversation(delivery.incarnation).decided_at or draft.now
            return replace(delivery, state=State.UNREADY, due=since + deadline)
        case Hold():
            return replace(delivery, due=None)
        case _:
            assert_never(gate)


def _when_ready(draft: Draft, delivery: Delivery, workflow: Workflow, silent_until: datetime | None) -> None:
    if delivery.request is not None:
        # A replay that has waited for its parents: the bytes are those that were sent before.
        dispatch.attempt(draft, delivery)
        return
    node = workflow.node(delivery.id)
    if node is None or node.sending is None:
        # The version was deleted, and something else applied under its number.
        why = f"found no Post Call API node {delivery.id!r} in {workflow.id}@{workflow.version}; expected one"
        dispatch.give_up(draft, replace(delivery, fault=why), "ours")
        return
    try:
        needed = readiness.needs(node, workflow)
    except PathFault as fault:
        dispatch.give_up_unrendered(draft, delivery, fault)
        return
    due = _waits_until(draft, delivery, workflow, needed, silent_until)
    if due is None:
        _run(draft, delivery, node, workflow)
    else:
        draft.deliver(replace(delivery, due=due))


def _waits_until(
    draft: Draft,
    delivery: Delivery,
    workflow: Workflow,
    needed: frozenset[str],
    silent_until: datetime | None,
) -> datetime | None:
    """Until when a node waits for what it needs; None: no longer."""
    if not needed:
        return None
    conversation = draft.conversation(delivery.incarnation)
    give_up_at = (conversation.decided_at or draft.now) + (
        workflow.ready_deadline or draft.policy.ready_deadline
    )
    pending = {one.id for one in _nodes(draft, delivery.incarnation) if not one.settled}
    lacking = readiness.missing_now(needed, _available(conversation, silent_until), pending)
    if not lacking or (silent_until is not None and silent_until >= give_up_at):
        return None
    if lacking == {"transcript"} and "turns" in conversation.available and conversation.terminal_at:
        return min(give_up_at, readiness.transcript_at(conversation.terminal_at))
    return give_up_at


def _available(conversation: Conversation, silent_until: datetime | None) -> frozenset[str]:
    """Which data is there. Turns make a transcript some seconds after the terminal event; like every
    conclusion from silence, only a silent tick of that time or later says that it has come."""
    available, terminal = frozenset(conversation.available), conversation.terminal_at
    if "turns" not in available or terminal is None or silent_until is None:
        return available
    return available | {"transcript"} if silent_until >= readiness.transcript_at(terminal) else available


def _run(draft: Draft, delivery: Delivery, node: Node, workflow: Workflow) -> None:
    context = draft.context(delivery.incarnation)
    conversation = draft.conversation(delivery.incarnation)
    try:
        if node.when is not None and not conditions.holds(node.when, context):
            draft.deliver(replace(delivery, state=State.SKIPPED, why=plan.CONDITION, due=None))
            return
        rendering = requests.render(
            node,
            workflow,
            context,
            call_id=draft.call.call_id,
            delivery_id=delivery.delivery_id,
            is_test=evidence.is_test(conversation.evidence),
            traceparent=evidence.traceparent(conversation.evidence),
            user_agent=draft.policy.user_agent,
        )
    except (RenderFault, PathFault) as fault:
        dispatch.give_up_unrendered(draft, delivery, fault)
        return
    dispatch.begin(draft, delivery, rendering)
