"""An event meets the privacy rules of its voice agent before anything else of a step sees it.

The voice agent may be named late. Then what earlier events left in the call (heard data, events put by, and
numbers in the evidence) is changed under the rules in the very step that names it. Until then it is stored as
it was told, because nobody can know whose rules hold.
"""

from collections.abc import Iterator

from msgspec.structs import replace

from schemas.calls import Conversation, Heard, Kept, Part, PartKey
from schemas.events import Event
from schemas.workflow import VoiceAgent
from streams import evidence, privacy
from streams.draft import Draft
from streams.verdicts.learning import add


def screened(draft: Draft, conversation: Conversation, event: Event) -> tuple[Conversation, Event]:
    """The event as its conversation may hear it, and the conversation as it may go on."""
    known, stated = evidence.agent_id(conversation.evidence), event.agent_id
    if stated is None or stated == known:
        return conversation, of_agents(draft, event, known)
    event = of_agents(draft, event)
    agent = draft.definitions.agent(stated)
    if agent is None or not agent.privacy:
        return conversation, of_agents(draft, event, known)
    if evidence.agent_id(add(conversation.evidence, event)) != stated:
        # An earlier event names another one, which it stays; this one is treated by the rules of both.
        return conversation, of_agents(draft, event, known)
    return _treated(draft, conversation, agent), event


def of_agents(draft: Draft, event: Event, agent_id: str | None = None) -> Event:
    """The event under the rules of the agent that it names itself, and of another one."""
    for one in (event.agent_id, agent_id):
        if one is not None:
            event = privacy.take_away(event, draft.definitions.agent(one), draft.policy.privacy_key)
    return event


def kept(draft: Draft, event: Event) -> Event:
    """An event that is put by for the next incarnation: the call's agent is as likely as any to be its own."""
    newest = max(draft.call.conversations, key=lambda one: one.number, default=None)
    return of_agents(draft, event, None if newest is None else evidence.agent_id(newest.evidence))


def _treated(draft: Draft, conversation: Conversation, agent: VoiceAgent) -> Conversation:
    """The conversation, and its parts, under the rules of the agent that is known now."""
    key = draft.policy.privacy_key
    for place in _places(draft, conversation):
        part = draft.part(place)
        treated = _treated_part(part, agent, key)
        if treated is not part:
            draft.rewrite(place, treated)
    learned = privacy.take_from_evidence(conversation.evidence, agent, key)
    treated_one = replace(conversation, evidence=learned)
    draft.put(treated_one)
    return treated_one


def _places(draft: Draft, conversation: Conversation) -> Iterator[PartKey]:
    call_id, number = draft.call.call_id, conversation.number
    for index in range(conversation.heard):
        yield PartKey(call_id, number, "h", index)
    for index in conversation.unaddressed:
        yield PartKey(call_id, number, "u", index)
    for index in draft.call.kept:
        yield PartKey(call_id, 0, "k", index)


def _treated_part(part: Part, agent: VoiceAgent, key: bytes) -> Part:
    match part:
        case Heard(event):
            treated = privacy.take_away(event, agent, key)
            return part if treated is event else Heard(treated)
        case Kept(event):
            treated = privacy.take_away(event, agent, key)
            return part if treated is event else Kept(treated)
        case _:
            return part
