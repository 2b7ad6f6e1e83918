"""What a voice agent's document wants taken away is away: which paths mean what, and what is left in place."""

import hashlib
import hmac
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from schemas.events import Event
from schemas.workflow import VoiceAgent
from streams import privacy
from streams.privacy import hashed
from tests.builders import START

KEY = b"a key"


def event(kind: str = "variables.updated", extra: dict[str, Any] | None = None, **data: Any) -> Event:
    return Event("e1", kind, "c1", START, START, agent_id="bot", data=data, extra=extra or {})


def agent(**rules: list[str]) -> VoiceAgent:
    return VoiceAgent("bot", privacy={action: tuple(paths) for action, paths in rules.items()})


def left(told: Event, **rules: list[str]) -> Any:
    return privacy.take_away(told, agent(**rules), KEY).data


@pytest.mark.parametrize(
    ("path", "kind", "data", "expected"),
    [
        (
            "variables.card",
            "variables.updated",
            {"variables": {"card": "4", "n": 1}},
            {"variables": {"n": 1}},
        ),
        (
            "variables.c.email",
            "variables.updated",
            {"variables": {"c": {"email": "a", "n": 1}}},
            {"variables": {"c": {"n": 1}}},
        ),
        ("card", "variables.updated", {"variables": {"card": "4"}}, {"variables": {}}),
        ("variables", "variables.updated", {"variables": {"card": "4"}}, {}),
        (
            "variables.card",
            "call.ended",
            {"reason": "busy", "variables": {"card": "4"}},
            {"reason": "busy", "variables": {}},
        ),
        ("transcript", "turn.completed", {"role": "user", "content": "hi"}, {}),
        ("transcript", "transcript.ready", {"transcript": [{"content": "hi"}], "n": 1}, {"n": 1}),
        ("transcript[*].content", "turn.completed", {"role": "user", "content": "hi"}, {"role": "user"}),
        ("transcript[3].content", "turn.completed", {"role": "user", "content": "hi"}, {"role": "user"}),
        ("transcript.first.content", "turn.completed", {"role": "user", "content": "hi"}, {"role": "user"}),
        (
            "transcript[*].content",
            "transcript.ready",
            {"transcript": [{"role": "user", "content": "hi"}]},
            {"transcript": [{"role": "user"}]},
        ),
        ("transcript[*].content", "transcript.ready", {"transcript": "user: hi"}, {}),
        ("transcript_text", "turn.completed", {"role": "user", "content": "hi"}, {"role": "user"}),
        (
            "transcript_text",
            "transcript.ready",
            {"transcript": [{"role": "u", "content": "hi"}], "transcript_text": "hi"},
            {"transcript": [{"role": "u"}]},
        ),
        ("transcript_text", "transcript.ready", {"transcript": ["hi", "ho"]}, {"transcript": []}),
        (
            "analytics.summary",
            "analytics.completed",
            {"summary": "s", "disposition": "d"},
            {"disposition": "d"},
        ),
        ("analytics.metrics.x", "analytics.completed", {"metrics": {"x": 1, "y": 2}}, {"metrics": {"y": 2}}),
        (
            "analytics.summary",
            "call.ended",
            {"summary": "s", "analytics": {"summary": "s"}},
            {"summary": "s", "analytics": {}},
        ),
        ("call_summary", "analytics.completed", {"summary": "s"}, {}),
        ("disposition", "variables.updated", {"variables": {"disposition": "s"}}, {"variables": {}}),
        ("recording.url", "recording.ready", {"url": "u", "n": 1}, {"n": 1}),
        ("recording", "recording.ready", {"url": "u", "n": 1}, {}),
        ("call.from", "call.answered", {"from": "+1", "to": "+2"}, {"to": "+2"}),
        ("call", "call.answered", {"from": "+1", "to": "+2"}, {}),
        ("caller_phone", "call.answered", {"from": "+1", "to": "+2"}, {}),
        ("data.customer.name", "who.knows", {"customer": {"name": "Ada", "n": 1}}, {"customer": {"n": 1}}),
        (
            "variables.cards[0]",
            "variables.updated",
            {"variables": {"cards": ["4", "5"]}},
            {"variables": {"cards": [None, "5"]}},
        ),
        (
            "variables.cards[*]",
            "variables.updated",
            {"variables": {"cards": ["4", "5"]}},
            {"variables": {"cards": []}},
        ),
        (
            "variables.people.name",
            "variables.updated",
            {"variables": {"people": [{"name": "A"}, {"name": "B"}]}},
            {"variables": {"people": [{}, {}]}},
        ),
        (
            "variables.*.email",
            "variables.updated",
            {"variables": {"a": {"email": 1}, "b": {"n": 1}}},
            {"variables": {"a": {}, "b": {"n": 1}}},
        ),
        (
            "variables.card",
            "variables.updated",
            {"card": "4", "variables": {"cards": "5"}},
            {"card": "4", "variables": {"cards": "5"}},
        ),
    ],
)
def test_a_path_takes_its_value_away_wherever_it_is_told(
    path: str, kind: str, data: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert left(event(kind, **data), drop=[path]) == expected


@pytest.mark.parametrize("path", ["variables.card", "card", "envelope.variables.card"])
def test_a_producer_that_writes_a_field_beside_data_does_not_keep_it_there(path: str) -> None:
    told = event(extra={"variables": {"card": "4"}, "n": 1})
    assert privacy.take_away(told, agent(drop=[path]), KEY).extra == {"variables": {}, "n": 1}


def test_a_masked_container_keeps_its_shape_and_none_of_its_leaves() -> None:
    told = event(variables={"c": {"name": "Ada", "age": 36, "vip": True, "none": None, "tags": ["x", 1.5]}})
    masked = {"name": "***", "age": "***", "vip": "***", "none": None, "tags": ["***", "***"]}
    assert left(told, mask=["variables.c"]) == {"variables": {"c": masked}}


def test_a_hash_is_the_first_half_of_an_hmac_with_the_key() -> None:
    expected = hmac.new(KEY, b"+33 1", hashlib.sha256).hexdigest()[:32]
    told = event("call.answered", **{"from": "+33 1"})
    assert left(told, hash=["call.from"]) == {"from": expected}


def test_a_hash_without_a_key_is_a_plain_one() -> None:
    assert hashed("x", b"") == hashlib.sha256(b"x").hexdigest()[:32]


def test_a_number_hashes_like_its_json_so_that_joins_find_it() -> None:
    assert hashed(5, KEY) == hashed(5.0, KEY) == hashed("5", KEY)
    assert hashed(True, KEY) == hashed("true", KEY)
    assert hashed(5.5, KEY) == hashed("5.5", KEY)


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ({"drop": ["variables.a"], "mask": ["variables.a"], "hash": ["variables.a"]}, {}),
        ({"mask": ["variables.a"], "hash": ["variables.*"]}, {"a": "***"}),
        ({"hash": ["variables.a", "variables", "a"]}, {"a": hashed("x", KEY)}),
    ],
)
def test_where_several_rules_meet_the_strictest_acts_once(
    rules: dict[str, list[str]], expected: dict[str, Any]
) -> None:
    assert left(event(variables={"a": "x"}), **rules) == {"variables": expected}


def test_a_stricter_rule_below_a_weaker_one_still_acts() -> None:
    told = event(variables={"c": {"name": "Ada", "card": "4"}})
    assert left(told, hash=["variables.c"], drop=["variables.c.card"]) == {
        "variables": {"c": {"name": hashed("Ada", KEY)}}
    }


def test_an_agent_without_rules_leaves_the_very_event() -> None:
    told = event(variables={"a": "x"})
    assert privacy.take_away(told, VoiceAgent("bot"), KEY) is told
    assert privacy.take_away(told, None, KEY) is told


def test_rules_act_once_for_each_voice_agent() -> None:
    one = privacy.take_away(event(variables={"a": "x"}), agent(hash=["a"]), KEY)
    assert privacy.take_away(one, agent(hash=["a"]), KEY) is one


def test_the_dedupe_id_of_an_event_stays() -> None:
    told = event(variables={"a": "x"})
    assert privacy.take_away(told, agent(drop=["a"]), KEY).fingerprint == told.fingerprint


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("customer.email", "found unknown root 'customer' in 'customer.email'; expected variables.customer.email, or "),
        ("call.id", "found 'call.id'; expected call.from or call.to, or what events say: "),
        ("call.from.x", "found 'call.from.x'; expected call.from or call.to, "),
        ("agent.name", "found 'agent.name'; expected what events say of the conversation: "),
        ("nodes.crm.response.body", "found 'nodes.crm.response.body'; expected what events say of the conversation: "),
        ("now", "found 'now'; expected what events say of the conversation: "),
        ("call_duration", "found 'call_duration', which no event says; expected variables.call_duration, or "),
        ("data", "found 'data'; expected one member of it, and none of answered_at, "),
        ("data.*", "found 'data.*'; expected one member of it, "),
        ("data.node_id", "found 'data.node_id'; expected one member of it, "),
        ("envelope.call_id", "found 'envelope.call_id'; expected one member of it, and none of agent_id, "),
    ],
)  # fmt: skip
def test_a_path_that_takes_nothing_away_is_a_fault(path: str, says: str) -> None:
    ((where, message),) = privacy.faults(agent(mask=["variables.x", path]))
    assert where == ("privacy", "mask", 1)
    assert message.startswith(says)


NAMES = st.sampled_from(["a", "b", "0", "name"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.sampled_from(["secret", "", "***"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
STEPS = st.lists(st.sampled_from([".a", ".b", ".name", ".*", "[0]", "[1]", "[*]"]), max_size=3)


@given(st.dictionaries(NAMES, VALUES, max_size=3), STEPS)
def test_what_is_dropped_is_missing_for_whoever_asks_by_the_same_path(
    variables: dict[str, Any], steps: list[str]
) -> None:
    data = left(event(variables=variables), drop=[f"variables{''.join(steps)}"])
    words = [step.strip(".[]") for step in steps]
    assert all(value is None for value in _found(data.get("variables"), words))


@given(st.dictionaries(NAMES, VALUES, max_size=3), STEPS, STEPS)
def test_masking_leaves_nothing_but_masks_and_nulls_behind_the_path(
    variables: dict[str, Any], masked: list[str], hashed_too: list[str]
) -> None:
    rules = {"mask": [f"variables{''.join(masked)}"], "hash": [f"variables{''.join(hashed_too)}"]}
    data = left(event(variables=variables), **rules)
    words = [step.strip(".[]") for step in masked]
    assert {leaf for value in _found(data["variables"], words) for leaf in _leaves(value)} <= {"***", None}


@given(st.dictionaries(NAMES, VALUES, max_size=3), STEPS)
def test_taking_away_changes_nothing_that_was_given(variables: dict[str, Any], steps: list[str]) -> None:
    told = event(variables=variables)
    before = repr(told)
    privacy.take_away(replace(told), agent(mask=[f"variables{''.join(steps)}"]), KEY)
    assert repr(told) == before


def _found(value: Any, words: list[str]) -> list[Any]:
    """All values at a path, in the plainest reading."""
    if not words:
        return [value]
    inner: list[Any] = []
    if isinstance(value, dict):
        inner = list(value.values()) if words[0] == "*" else [value[one] for one in words[:1] if one in value]
    if isinstance(value, list):
        inner = (
            value
            if words[0] == "*"
            else [value[int(one)] for one in words[:1] if one.isdigit() and int(one) < len(value)]
        )
    return [found for one in inner for found in _found(one, words[1:])]


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict | list):
        return [
            leaf for one in (value.values() if isinstance(value, dict) else value) for leaf in _leaves(one)
        ]
    return [value]
