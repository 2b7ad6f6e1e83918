"""Which workflow version a call runs: fixed before anything else can change under it.

The first event in R14's order that names a workflow or a version pins the call, until the verdict.
What nobody names comes from the documents: the voice agent's workflow, and of a workflow the version
that was in force when the call was first seen with it.
"""

from msgspec.structs import replace

from schemas.calls import Conversation
from schemas.events import Event
from streams import evidence, lifecycle
from streams.effects import Definitions


def sighted(conversation: Conversation, event: Event, definitions: Definitions) -> Conversation:
    """The conversation with its pin as far as this event and all earlier ones tell.

    After the verdict the pin stays, unless there was none (R19: the workflow came later).
    """
    fixed = conversation.workflow_version is not None
    if fixed and (conversation.outcome is not None or _says_nothing_new(conversation, event)):
        return conversation
    named, version = lifecycle.pinned(conversation.evidence, event)
    agent_id = evidence.agent_id(conversation.evidence) or event.agent_id
    workflow_id = named or _of_agent(agent_id, definitions)
    if workflow_id is None:
        return conversation
    seen = conversation.versions_seen
    if workflow_id not in seen and (in_force := definitions.in_force(workflow_id)) is not None:
        seen = {**seen, workflow_id: in_force}
    version = seen.get(workflow_id) if version is None else version
    pinned = (workflow_id, version)
    if (
        pinned == (conversation.workflow_id, conversation.workflow_version)
        and seen is conversation.versions_seen
    ):
        return conversation
    return replace(conversation, workflow_id=workflow_id, workflow_version=version, versions_seen=seen)


def applied_since(conversation: Conversation, definitions: Definitions) -> Conversation:
    """A decided conversation, pinned to what is in force by now: nobody knew its workflow at the verdict
    (R19)."""
    named, version = lifecycle.pinned(conversation.evidence)
    workflow_id = named or _of_agent(evidence.agent_id(conversation.evidence), definitions)
    if workflow_id is None:
        return conversation
    version = definitions.in_force(workflow_id) if version is None else version
    return replace(conversation, workflow_id=workflow_id, workflow_version=version)


def _says_nothing_new(conversation: Conversation, event: Event) -> bool:
    """The usual event: it names no workflow and no other voice agent."""
    return (
        event.workflow_id is None
        and event.workflow_version is None
        and (event.agent_id is None or event.agent_id == evidence.agent_id(conversation.evidence))
    )


def _of_agent(agent_id: str | None, definitions: Definitions) -> str | None:
    agent = None if agent_id is None else definitions.agent(agent_id)
    return None if agent is None else agent.workflow
