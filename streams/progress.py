"""How the nodes of a proper end move on: from waiting for parents and data to a rendered request.

A node that may go waits until the data which its templates and its condition use is there, at most
until the ready deadline; then its condition is asked, and then it is rendered, once.
"""

from datetime import datetime

from msgspec.structs import replace

from schemas.calls import Conversation
from schemas.delivery import Delivery, State
from schemas.workflow import Node, Workflow
from streams import conditions, dispatch, evidence, graph, plan, readiness, records, requests, webhooks
from streams.draft import Draft
from streams.paths import PathFault
from streams.plan import Go, Hold, Skip
from streams.template import RenderFault


def advance(draft: Draft, number: int, silent_until: datetime | None = None) -> None:
    """Move every node of an incarnation on as far as it goes.

    `silent_until` is the due time of the silent tick that is handled, None otherwise: only such a
    tick ends a wait for data.
    """
    conversation = draft.conversation(number)
    workflow = draft.workflow(conversation)
    if conversation.planned and workflow is not None and conversation.outcome is not None:
        end_node_id = conversation.outcome.end_node_id or ""
        for delivery in draft.deliveries(number):
            if delivery.kind == "node" and delivery.state is State.WAITING:
                _through_gate(draft, delivery, workflow, end_node_id)
        for delivery in draft.deliveries(number):
            if delivery.kind == "node" and delivery.state is State.UNREADY:
                _when_ready(draft, delivery, workflow, silent_until)
        _skipped_on(draft, number, workflow, end_node_id)
    settle_actions(draft, number)


def settle_actions(draft: Draft, number: int) -> None:
    """Tell `call.settled` once the actions of the latest verdict are final."""
    conversation = draft.conversation(number)
    actions = [one for one in draft.deliveries(number) if one.kind == "node"]
    told = conversation.actions_settled >= conversation.verdicts
    if told or not all(one.settled for one in actions):
        return
    upgraded = conversation.actions_settled > 0
    conversation = draft.amend(number, actions_settled=conversation.verdicts)
    deliveries = draft.deliveries(number)
    draft.emit(records.settled(draft.call.call_id, conversation, deliveries, upgraded, draft.now))
    webhooks.on_settled(draft, number, upgraded)


def _through_gate(draft: Draft, delivery: Delivery, workflow: Workflow, end_node_id: str) -> None:
    states = {one.id: one.state for one in draft.deliveries(delivery.incarnation) if one.kind == "node"}
    match plan.gate(graph.parents(workflow, delivery.id, end_node_id), states):
        case Skip(why):
            draft.deliver(replace(delivery, state=State.SKIPPED, why=why))
        case Go():
            deadline = workflow.ready_deadline or draft.policy.ready_deadline
            conversation = draft.conversation(delivery.incarnation)
            since = conversation.decided_at or draft.now
            draft.deliver(replace(delivery, state=State.UNREADY, due=since + deadline))
        case Hold():
            pass


def _when_ready(draft: Draft, delivery: Delivery, workflow: Workflow, silent_until: datetime | None) -> None:
    node = workflow.node(delivery.id)
    if node is None or node.sending is None:
        raise LookupError(f"found no Post Call API node {delivery.id!r} in {workflow.id}@{workflow.version}")
    conversation = draft.conversation(delivery.incarnation)
    deadline = workflow.ready_deadline or draft.policy.ready_deadline
    give_up_at = (conversation.decided_at or draft.now) + deadline
    answered = {one.id for one in draft.deliveries(delivery.incarnation) if one.kind == "node" and one.settled}
    available = _available(conversation, silent_until) | answered
    lacking = readiness.missing_now(readiness.needs(node, workflow), available)
    if lacking and (silent_until is None or silent_until < give_up_at):
        due = give_up_at
        if lacking == {"transcript"} and "turns" in conversation.available and conversation.terminal_at:
            due = min(due, readiness.transcript_at(conversation.terminal_at))
        draft.deliver(replace(delivery, due=due))
        return
    _run(draft, delivery, node, workflow)


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
        dispatch.give_up(draft, replace(delivery, why=str(fault)), "ours")
        return
    dispatch.begin(draft, delivery, rendering)


def _skipped_on(draft: Draft, number: int, workflow: Workflow, end_node_id: str) -> None:
    """A node that ended without a request may free or skip those after it; go on until none does."""
    for delivery in draft.deliveries(number):
        if delivery.kind == "node" and delivery.state is State.WAITING:
            states = {one.id: one.state for one in draft.deliveries(number) if one.kind == "node"}
            if not isinstance(plan.gate(graph.parents(workflow, delivery.id, end_node_id), states), Hold):
                advance(draft, number)
                return
