"""An operator's replay: what was given up is sent once more, and what hung on it goes on.

What is done is not repeated, and what is under way is left alone, so that the same replay folded twice does
nothing the second time. A node is sent with its kept bytes, or rendered with what is known now if it never
was; a webhook goes with its kept body to where the voice agent's document says now. Ids stay, attempts go on
counting, the schedule begins again. Everything that a replay sets off says so (`Delivery.replay`).
"""

from collections.abc import Mapping
from typing import Any, Final

from msgspec.structs import replace

from schemas.calls import Buried, PartKey
from schemas.delivery import Delivery, Request, State
from schemas.messages import Replay
from schemas.outcomes import Verdict
from schemas.wire import json_value
from streams import concluding, dispatch, lifecycle, pinning, plan, progress, requests
from streams.draft import Draft
from streams.template import RenderFault

BLOCKED: Final = frozenset({plan.UPSTREAM_FAILED, plan.UPSTREAM_SKIPPED})
"""Why a node was skipped that a replay of its parent may set free."""


def replay(draft: Draft, message: Replay) -> None:
    """Start again what a replay names, or all that the call has to replay."""
    wanted = frozenset(message.deliveries)
    started = _webhooks(draft, wanted)
    for conversation in draft.call.conversations:
        started += _nodes(draft, conversation.number, wanted)
        if not wanted and conversation.unknown_workflow:
            started += _of_workflow(draft, conversation.number)
    if not started:
        draft.count("notes", "nothing_to_replay")


def _is_wanted(delivery: Delivery, wanted: frozenset[str]) -> bool:
    return delivery.state is State.DEAD and (not wanted or delivery.delivery_id in wanted)


def _again(draft: Draft, delivery: Delivery) -> Delivery:
    """A dead delivery as it begins anew."""
    draft.count("notes", "replayed")
    return replace(
        delivery,
        state=State.WAITING,
        replay=True,
        spent=len(delivery.attempts),
        why=None,
        fault=None,
        missing=(),
    )


# -- nodes


def _nodes(draft: Draft, number: int, wanted: frozenset[str]) -> int:
    """Restart dead nodes, and let those wait again that were skipped because of them."""
    nodes = [one for one in draft.deliveries(number) if one.kind == "node"]
    dead = [one for one in nodes if _is_wanted(one, wanted)]
    if not dead:
        return 0
    _reopen(draft, number)
    moving = {one.id for one in nodes if not one.settled}
    for one in nodes:  # parents before children
        waits = not moving.isdisjoint(one.after)
        if one in dead:
            _restart(draft, one, waits)
            moving.add(one.id)
        elif waits and one.state is State.SKIPPED and one.why in BLOCKED:
            draft.deliver(replace(one, state=State.WAITING, why=None, replay=True))
            moving.add(one.id)
        elif one.settled and one.replay:
            draft.deliver(replace(one, replay=False))  # it belongs to an earlier replay
    progress.advance(draft, number)
    return len(dead)


def _restart(draft: Draft, dead: Delivery, waits: bool) -> None:
    """Send a node's kept bytes, behind parents that are replayed as well: what it was to make up for may
    not fail this time."""
    again = _again(draft, dead)
    known = draft.workflow(draft.conversation(dead.incarnation)) is not None
    if dead.request is not None and not (waits and known):
        dispatch.attempt(draft, again)
    else:
        draft.deliver(again)


def _reopen(draft: Draft, number: int) -> None:
    """Wake a conversation that rests; its actions will be told to be final once more."""
    conversation = draft.conversation(number)
    more = 0 if progress.to_be_told(conversation) else 1
    draft.amend(number, resting=False, replays=conversation.replays + more)


# -- calls whose workflow nobody knew (R19)


def _of_workflow(draft: Draft, number: int) -> int:
    """Run what a workflow that was applied since the verdict would have run; it may raise the verdict."""
    conversation = pinning.applied_since(draft.conversation(number), draft.definitions)
    workflow, outcome = draft.workflow(conversation), conversation.outcome
    if workflow is None or outcome is None:
        return 0
    draft.put(replace(conversation, unknown_workflow=False, resting=False))
    conversation = draft.conversation(number)
    turn = lifecycle.judge_again(conversation, outcome, workflow, draft.now, draft.policy.durations)
    for note in turn.notes:
        draft.count("notes", note)
    if turn.concluded is not None:
        draft.put(turn.conversation)
        concluding.conclude(draft, number, turn.concluded, replay=True)
    elif outcome.verdict is Verdict.PROPER:
        _reopen(draft, number)
        concluding.plan_nodes(draft, draft.conversation(number), outcome, replay=True)
        progress.advance(draft, number)
    else:
        return 0
    return 1


# -- webhooks


def _webhooks(draft: Draft, wanted: frozenset[str]) -> int:
    """Restart dead webhooks: those of the row, and those that were put by."""
    dead = [one for one in draft.call.deliveries if one.kind == "webhook" and one.request is not None]
    dead = [one for one in (*dead, *_put_by(draft, wanted)) if _is_wanted(one, wanted)]
    for one in dead:
        _send_again(draft, one)
    return len(dead)


def _put_by(draft: Draft, wanted: frozenset[str]) -> list[Delivery]:
    """The dead webhooks out of their parts; those that are wanted are taken out."""
    found: list[Delivery] = []
    for number in range(draft.call.buried):
        key = PartKey(draft.call.call_id, 0, "d", number)
        try:
            part = draft.part(key)
        except KeyError:
            continue  # replayed before
        if isinstance(part, Buried) and _is_wanted(part.delivery, wanted):
            draft.forget(key)
            found.append(part.delivery)
    return found


def _send_again(draft: Draft, dead: Delivery) -> None:
    """Send a webhook's kept body to the URL now in force, with its headers, auth and secrets; if the webhook
    is gone from the document or cannot be rendered any more, its kept request."""
    again = _again(draft, dead)
    agent = draft.definitions.agent(dead.agent_id)
    sending = None if agent is None else agent.webhooks.get(dead.id)
    if sending is not None:
        kept = draft.request(dead).request
        try:
            rendering = requests.readdress(sending, kept, _context(draft, dead, kept))
        except RenderFault:
            pass  # the kept request is complete
        else:
            draft.forget_request(dead)
            again = dispatch.keep(draft, again, rendering)
    dispatch.attempt(draft, again)


def _context(draft: Draft, dead: Delivery, kept: Request) -> Mapping[str, Any]:
    """What the URL and the headers of a webhook may use: the call's data, else what its body tells of it."""
    if any(one.number == dead.incarnation for one in draft.call.conversations):
        return draft.context(dead.incarnation)
    said = json_value(kept.body)["data"]
    of_agent = {"agent": {"id": dead.agent_id}}
    if dead.decision_at is None:
        return of_agent | {"call": {"id": draft.call.call_id}}
    return of_agent | {name: said[name] for name in ("call", "variables")}
