"""Calls for the machine to live through: their events, the documents they meet, what must come of them."""

from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any

from schemas.events import Event
from schemas.workflow import (
    CONVERSATION,
    END_CALL,
    POST_CALL_API,
    Edge,
    Node,
    Schedule,
    Sending,
    VoiceAgent,
    Workflow,
)
from streams.definitions import Snapshot
from streams.effects import Policy
from streams.lifecycle import Durations
from tests.builders import CallStory, call

POLICY = Policy(Durations())
QUICK = Schedule((timedelta(seconds=1), timedelta(seconds=5)))
"""Three attempts."""


def sending(url: str = "https://api.example.com/hook", **more: Any) -> Sending:
    """Where to, with three attempts."""
    return Sending(**({"url": url, "retry": QUICK} | more))


def api(node_id: str, body: Any = None, **more: Any) -> Node:
    """A Post Call API node."""
    sent = {name: more.pop(name) for name in list(more) if name in Sending.__struct_fields__}
    return Node(node_id, POST_CALL_API, name=node_id, sending=sending(**sent), body=body, **more)


def flow(nodes: tuple[Node, ...], arrows: str, version: int = 1, **knobs: Any) -> Workflow:
    """The workflow `support`: greet, ask, the End Call nodes resolved and sorry, these nodes and arrows."""
    talk = (Node("greet", CONVERSATION), Node("ask", CONVERSATION))
    ends = (Node("resolved", END_CALL), Node("sorry", END_CALL))
    return Workflow("support", version, (*talk, *ends, *nodes), tuple(map(_edge, arrows.split())), **knobs)


def _edge(arrow: str) -> Edge:
    source, _, target = arrow.partition(">")
    target, _, on = target.partition(":")
    return Edge(source, target, on or "success")  # type: ignore[arg-type]  # tests spell them right


def documents(workflow: Workflow | None, *webhooks: str, **more: Any) -> Snapshot:
    """Documents in force: the workflow, and the voice agent `bot` with these webhooks."""
    hooks = {kind: sending(f"https://hooks.example.com/{kind}") for kind in webhooks}
    agent = VoiceAgent("bot", workflow=more.pop("of", "support"), webhooks=hooks | more)
    return Snapshot({"support": {workflow.version: workflow}} if workflow else {}, {"bot": agent})


CHAIN = flow(
    (
        api("crm", {"who": "{{ call.id }}"}),
        api("mail", {"text": "{{ analytics.summary }}"}),
        api("alarm", {"why": "crm"}),
        api("log", {"n": "{{ variables.n }}", "at": "{{ now }}"}),
        api("regret", {"why": "no call of these tales ends at sorry"}),
    ),
    "sorry>regret resolved>crm resolved>log crm>mail crm>alarm:failure mail>log:always",
)
EVENT_WEBHOOKS = ("conversation.started", "turn.completed", "analytics.completed")
OUTCOME_WEBHOOKS = ("call.ended", "call.completed", "call.outcome_upgraded", "call.settled")


@dataclass
class Tale:
    """Events in the order of their production, the documents, and how many incarnations end properly."""

    events: list[Event]
    documents: Snapshot
    proper: int
    incarnations: int = 1
    subscribed: frozenset[str] = field(default_factory=frozenset)


def tale(dice: Random) -> Tale:
    """A random call: proper, cut short, never connected or handed on; some ids are used twice, of some
    calls nobody tells the end."""
    hooks = (*EVENT_WEBHOOKS, *OUTCOME_WEBHOOKS) if dice.random() < 0.4 else ()
    sort = dice.choice(("proper", "proper", "named", "premature", "busy", "bridged", "twice"))
    events = list(_story(sort, "a").events)
    if sort == "twice":
        events += [*_story("proper", "b").events]
    unsaid = dice.choice((None, None, "call.ended", "analytics.completed"))
    events = [event for event in events if event.type != unsaid]
    if dice.random() < 0.5:
        dice.shuffle(events)
    for again in dice.choices(events, k=dice.randrange(4)):
        events.insert(dice.randrange(len(events) + 1), again)
    proper = {"proper": 1, "named": 1, "twice": 2}.get(sort, 0)
    return Tale(events, documents(CHAIN, *hooks), proper, 2 if sort == "twice" else 1, frozenset(hooks))


def _story(sort: str, session: str) -> CallStory:
    named = {"session_id": session, "agent_id": "bot"}
    ids = (f"{session}{number}" for number in range(99))

    def said(**more: Any) -> dict[str, Any]:
        return {**named, "id": next(ids), **more}

    story = call().ringing(**said())
    if sort == "busy":
        return story.ended("busy", **said())
    story = story.started(**said()).node("greet", **said()).turn(**said())
    if sort == "bridged":
        return story.bridged(**said()).ended("transferred", **said())
    if sort == "premature":
        return story.ended("caller_hangup", **said())
    story = story.says("variables.updated", variables={"n": 1}, **said()).node("resolved", end=True, **said())
    end = {"end_node_id": "resolved"} if sort == "named" else {}
    return story.ended("end_node", **said(**end)).analytics(summary="all is well", **said())
