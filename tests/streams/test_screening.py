"""Personal data before the machine: in no row, part, request or record, whenever the voice agent is named."""

from typing import Any

import orjson
import pytest
from msgspec.structs import replace

from schemas import wire
from schemas.calls import PartKey
from schemas.workflow import VoiceAgent
from streams.definitions import Snapshot
from streams.effects import Policy
from streams.lifecycle import Durations
from streams.privacy import hashed
from tests.builders import CallStory, call
from tests.streams.engine import Engine
from tests.streams.tales import api, documents, flow

PLANTED = b"4111-1111"
CONTROL = b"4222-2222"
RULES = {
    "drop": ("variables.card", "transcript_text", "envelope.caller_name"),
    "mask": ("call.to", "analytics.summary"),
    "hash": ("call.from",),
}
KEYED = Policy(Durations(), privacy_key=b"key")
HOOKS = (
    "variables.updated",
    "turn.completed",
    "call.ringing",
    "analytics.completed",
    "call.ended",
    "call.settled",
)
TOLD = api(
    "crm",
    {
        "card": "{{ variables.card }}",
        "text": "{{ transcript_text }}",
        "from": "{{ call.from }}",
        "to": "{{ call.to }}",
        "summary": "{{ analytics.summary }}",
        "all": "{{ variables }}",
        "said": "{{ transcript }}",
        "control": "{{ variables.control }}",
    },
)  # fmt: skip


def in_force(rules: dict[str, Any] | None = None) -> Snapshot:
    known = documents(flow((TOLD,), "resolved>crm"), *HOOKS)
    bot = replace(known.agents["bot"], privacy=RULES if rules is None else rules)
    return Snapshot(known.workflows, {"bot": bot, "other": VoiceAgent("other")})


def told(**named: Any) -> CallStory:
    """A call that says the planted value in every place; `agent_id` of the events at `named_at` on."""
    planted, control = PLANTED.decode(), CONTROL.decode()
    story = call().ringing(**{"from": planted, "to": planted})
    story = story.says("variables.updated", variables={"card": planted, "control": control})
    story = story.turn(f"it is {planted}", extra={"caller_name": planted})
    story = story.answered(agent_id="bot", **{"from": planted}, **named).node("resolved", end=True)
    story = story.ended("end_node", end_node_id="resolved")
    story = story.says("analytics.completed", summary=planted, disposition="d")
    return story.says("transcript.ready", transcript=[{"role": "user", "content": planted}])


def everything(engine: Engine) -> bytes:
    """Row, parts, requests ever made, records ever owed."""
    requests = [wire.row(one) for one in engine.requests.values()]
    return b"".join((wire.row(engine.row), *engine.parts.values(), *requests, orjson.dumps(engine.records)))


def test_a_call_of_an_agent_with_rules_is_stored_without_what_they_take() -> None:
    engine = Engine(in_force(), KEYED).hear(told()).wait(9)
    assert PLANTED not in everything(engine)
    assert CONTROL in everything(engine)


def test_the_search_finds_the_value_where_no_rule_takes_it() -> None:
    assert PLANTED in everything(Engine(in_force({}), KEYED).hear(told()).wait(9))


def test_no_template_sees_what_was_taken() -> None:
    engine = Engine(in_force(), KEYED).hear(told())
    body = engine.body("crm")
    assert body.keys() == {"from", "to", "summary", "all", "said", "control"}
    assert (body["from"], body["to"], body["summary"]) == (hashed(PLANTED.decode(), b"key"), "***", "***")
    assert (body["all"], body["said"]) == ({"control": CONTROL.decode()}, [{"role": "user"}])


@pytest.mark.parametrize("position", range(8))
def test_whichever_event_names_the_agent_the_same_is_left(position: int) -> None:
    events = [
        replace(event, agent_id="bot" if at == position else None) for at, event in enumerate(told().events)
    ]
    engine = Engine(in_force(), KEYED)
    for at, event in enumerate(events):
        engine.hear([event])
        if at >= position:
            assert PLANTED not in b"".join((wire.row(engine.row), *engine.parts.values()))
    statements = engine.conversation.evidence.statements
    assert {said.from_number for said in statements} <= {hashed(PLANTED.decode(), b"key"), None}


def test_an_event_kept_for_the_next_incarnation_is_treated_when_the_agent_is_named() -> None:
    engine = Engine(in_force(), KEYED).hear(call().answered(session_id="one"))
    engine.hear(
        call().says("variables.updated", id="x", session_id="two", variables={"card": PLANTED.decode()})
    )
    assert PLANTED in engine.parts[PartKey("c1", 0, "k", 0)]
    engine.hear(call().node("greet", id="y", session_id="one", agent_id="bot"))
    assert PLANTED not in engine.parts[PartKey("c1", 0, "k", 0)]


def test_an_event_kept_for_the_next_incarnation_follows_the_agent_of_the_call() -> None:
    engine = Engine(in_force(), KEYED).hear(call().answered(session_id="one", agent_id="bot"))
    engine.hear(
        call().says("variables.updated", id="x", session_id="two", variables={"card": PLANTED.decode()})
    )
    assert PLANTED not in everything(engine)


def test_an_event_that_comes_when_all_is_settled_fires_without_what_is_taken() -> None:
    engine = Engine(in_force(), KEYED).hear(told()).reply("crm")
    for hook in HOOKS:
        engine.reply(hook)
    engine.acknowledge().wait(9e5).reply("call.settled").acknowledge()
    assert engine.row.settled
    engine.hear(call().says("analytics.completed", id="late", summary=PLANTED.decode()))
    assert engine.body("analytics.completed")["data"]["data"] == {"summary": "***"}


def test_a_webhook_shows_no_trace_of_how_its_event_was_treated() -> None:
    body = Engine(in_force(), KEYED).hear(told()).body("variables.updated")
    assert body["data"]["data"] == {"variables": {"control": CONTROL.decode()}}
    assert "taken_for" not in body["data"]


def test_an_event_without_an_id_is_known_again_though_its_data_are_taken() -> None:
    engine = Engine(in_force(), KEYED).hear(told())
    engine.hear(told())
    assert engine.counts["events", "duplicate"] == len(told().events)


def test_another_agent_named_earlier_by_the_clock_brings_its_rules() -> None:
    rules = {"other": VoiceAgent("other", privacy={"mask": ("variables.control",)})}
    known = in_force()
    engine = Engine(Snapshot(known.workflows, {**known.agents, **rules}), KEYED).hear(told())
    engine.hear(call().queued(at=-9, id="first", agent_id="other"))
    assert CONTROL not in b"".join(value for key, value in engine.parts.items() if key.sort != "r")
