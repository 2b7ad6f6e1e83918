"""Which webhooks fire, and when: once per event on arrival, once per verdict for its outcome.

They belong to the voice agent and fire whatever the outcome; what they are sent to is what the
agent's document says at that moment.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import to_builtins
from msgspec.structs import replace

from schemas import wire
from schemas.calls import Past
from schemas.delivery import Delivery, State
from schemas.documents.subscriptions import OUTCOME_TYPES
from schemas.events import Event
from schemas.outcomes import Verdict
from schemas.workflow import VoiceAgent
from streams import dispatch, evidence, ids, lifecycle, records, requests, screening
from streams.draft import Draft
from streams.template import RenderFault


def on_event(draft: Draft, number: int, agent_id: str, event: Event) -> None:
    """The webhook of an event's own type; `call.ended` fires with the verdict (see on_verdict)."""
    agent = draft.definitions.agent(agent_id)
    if agent is not None and _fires(event, agent):
        is_test = evidence.is_test(draft.conversation(number).evidence)
        _of_event(draft, number, agent, event, draft.context(number), is_test)


def on_straggler(draft: Draft, past: Past, event: Event) -> None:
    """The webhook of an event that comes when its incarnation is settled."""
    agent_id = past.agent_id or event.agent_id
    agent = None if agent_id is None else draft.definitions.agent(agent_id)
    event = screening.of_agents(draft, event, agent_id)
    if agent is not None and _fires(event, agent):
        _of_event(draft, past.number, agent, event, {}, bool(event.is_test))


def on_verdict(draft: Draft, number: int, upgraded_from: Verdict | None) -> None:
    """The webhooks of a verdict; of an upgrade only `call.outcome_upgraded`."""
    conversation = draft.conversation(number)
    if conversation.outcome is None:
        raise ValueError(f"found no outcome of {draft.call.call_id}#{number}; expected its verdict")
    first = upgraded_from is None
    types = lifecycle.webhook_types(conversation.outcome) if first else ("call.outcome_upgraded",)
    agent = draft.agent(conversation)
    wanted = [kind for kind in types if agent is not None and kind in agent.webhooks]
    if agent is None or not wanted:
        return
    fields = records.outcome_fields(draft.call.call_id, conversation, conversation.outcome)
    if upgraded_from is not None:
        fields["upgraded_from"] = upgraded_from.value
    for kind in wanted:
        _on_outcome(draft, number, agent, kind, fields)


def on_settled(draft: Draft, number: int, upgraded: bool) -> None:
    """The webhook that says that the call's actions are final."""
    conversation = draft.conversation(number)
    agent = draft.agent(conversation)
    if agent is not None and "call.settled" in agent.webhooks:
        deliveries = draft.deliveries(number)
        fields = records.settled_fields(draft.call.call_id, conversation, deliveries, upgraded)
        _on_outcome(draft, number, agent, "call.settled", fields, conversation.replays)


def _fires(event: Event, agent: VoiceAgent) -> bool:
    """Whether the event itself sets a webhook off: what fires with the verdict does not, even where a
    platform has an event of that name."""
    return event.type in agent.webhooks and event.type not in OUTCOME_TYPES


def _of_event(
    draft: Draft,
    number: int,
    agent: VoiceAgent,
    event: Event,
    context: Mapping[str, Any],
    is_test: bool,
) -> None:
    delivery_id = ids.of_event(draft.call.call_id, number, event.source, event.id, agent.id, event.type)
    planned = _planned(draft, number, agent, event.type, delivery_id)
    body = {"type": event.type, "timestamp": wire.moment(event.occurred_at), "data": envelope(event)}
    _send(draft, planned, agent, body, context, is_test, event.traceparent)


def _on_outcome(
    draft: Draft, number: int, agent: VoiceAgent, kind: str, fields: dict[str, Any], replays: int = 0
) -> None:
    conversation = draft.conversation(number)
    delivery_id = ids.of_outcome(draft.call.call_id, number, kind, conversation.verdicts, agent.id, replays)
    planned = replace(_planned(draft, number, agent, kind, delivery_id), decision_at=draft.now)
    context = draft.context(number)
    said = {**fields, "call": context["call"], "variables": context["variables"]}
    body = {"type": kind, "timestamp": wire.moment(draft.now), "data": said}
    traced = conversation.evidence
    _send(draft, planned, agent, body, context, evidence.is_test(traced), evidence.traceparent(traced))


def _planned(draft: Draft, number: int, agent: VoiceAgent, kind: str, delivery_id: str) -> Delivery:
    return Delivery(
        kind="webhook",
        id=kind,
        delivery_id=delivery_id,
        incarnation=number,
        state=State.WAITING,
        planned_at=draft.now,
        agent_id=agent.id,
        name=kind,
    )


def _send(
    draft: Draft,
    planned: Delivery,
    agent: VoiceAgent,
    body: dict[str, Any],
    context: Mapping[str, Any],
    is_test: bool,
    traceparent: str | None,
) -> None:
    try:
        rendering = requests.render_webhook(
            agent.webhooks[planned.id],
            body,
            context,
            call_id=draft.call.call_id,
            delivery_id=planned.delivery_id,
            is_test=is_test,
            traceparent=traceparent,
            user_agent=draft.policy.user_agent,
        )
    except RenderFault as fault:
        dispatch.give_up_unrendered(draft, planned, fault)
    else:
        dispatch.begin(draft, planned, rendering)
    if planned.decision_at is None and draft.is_settled(planned.delivery_id):
        draft.drop(planned.delivery_id)  # as when it was sent: see answering


def envelope(event: Event) -> dict[str, Any]:
    """An event as its webhook tells it: the fields that were said, as on the topic."""
    said = to_builtins(event)
    said.pop("recorded_at", None)
    said.pop("taken_for", None)
    said.update(said.pop("extra", {}))
    said["occurred_at"] = wire.moment(event.occurred_at)
    return {**said, "data": event.data}
