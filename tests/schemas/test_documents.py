"""Texts become documents with their lines; every fault of a text comes at once, and none is a crash."""

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.documents.reading import InvalidDocument, from_value, read, same
from schemas.documents.retries import PRESETS
from schemas.workflow import END_CALL, POST_CALL_API, Backoff, Schedule, VoiceAgent, Workflow
from tests.schemas.texts import URL, agent, api, flow

TWO = f"""\
# first a workflow
kind: workflow
id: support
version: 3
nodes:
  - {{id: end, type: end_call}}
  - id: crm
    type: post_call_api
    url: {URL}
    missing: null
edges:
  - source: end
    target: crm
    on: success
---
kind: agent
id: bot
webhooks: {{post-conversation: {{url: "{URL}"}}}}
"""


def value(source: dict[str, Any]) -> Any:
    return from_value(source)


def messages(text: str | bytes, file: str = "f.yaml") -> list[str]:
    return [str(fault) for fault in read(text, file).errors]


def test_several_documents_stand_in_one_file_each_with_its_line() -> None:
    documents = read(TWO, "two.yaml").documents
    assert [(one.key, one.kind, one.version, one.file, one.line) for one in documents] == [
        ("workflow/support@3", "workflow", 3, "two.yaml", 2),
        ("agent/bot", "agent", None, "two.yaml", 16),
    ]


def test_a_json_list_holds_several_documents_too() -> None:
    text = json.dumps([flow(api()), agent()], indent="\t")
    assert [one.key for one in read(text, "two.json").documents] == ["workflow/flow@1", "agent/bot"]


def test_one_json_object_is_one_document_under_any_file_name() -> None:
    assert [one.key for one in read(json.dumps(agent()), "noname").documents] == ["agent/bot"]


def test_yaml_that_begins_with_a_bracket_is_yaml() -> None:
    assert [one.key for one in read("{kind: agent, id: bot}", "f.yaml").documents] == ["agent/bot"]


def test_a_bare_null_under_missing_is_the_policy() -> None:
    flow_read = read(TWO, "f").documents[0].value
    assert isinstance(flow_read, Workflow)
    assert flow_read.nodes[1].missing == "null"


def test_what_is_not_stated_has_its_default() -> None:
    node = value(flow(api())).nodes[2]
    assert (node.name, node.body, node.missing, node.when, node.needs) == ("api", None, None, None, None)
    assert (node.sending.method, node.sending.timeout) == ("POST", timedelta(seconds=15))
    assert (node.sending.retry, node.sending.retry_ambiguous) == (PRESETS["patient"], True)


def test_the_presets_last_as_long_as_they_say() -> None:
    patient, standard, quick = (PRESETS[name] for name in ("patient", "standard", "quick"))
    assert isinstance(patient, Schedule)
    assert isinstance(standard, Schedule)
    assert round(sum(patient.waits, timedelta()) / timedelta(hours=1)) == 21
    assert round(sum(standard.waits, timedelta()) / timedelta(hours=1), 1) == 75.6
    assert len(standard.waits) + 1 == 10
    assert quick == Backoff(5, timedelta(seconds=0.5), timedelta(seconds=30), timedelta(minutes=2))


def test_every_node_type_but_two_is_a_conversation_node() -> None:
    nodes = value(flow(api())).nodes
    assert [(node.type, node.kind) for node in nodes] == [
        ("conversation", "default"),
        (END_CALL, "end_call"),
        (POST_CALL_API, "post_call_api"),
    ]


def test_a_webhook_under_an_alias_has_the_canonical_type() -> None:
    aliases = ["pre-conversation", "post-conversation", "analytics-completed"]
    bot = value(agent(webhooks={alias: {"url": URL} for alias in aliases}))
    assert isinstance(bot, VoiceAgent)
    assert list(bot.webhooks) == ["conversation.started", "call.ended", "analytics.completed"]


def test_one_secret_and_several_both_sign() -> None:
    hooks = {"call.ended": {"url": URL, "secret": "{{ secrets.A }}"}}
    hooks["call.lost"] = {"url": URL, "secret": ["{{ secrets.A }}", "{{ secrets.B }}"]}
    webhooks = value(agent(webhooks=hooks)).webhooks
    assert webhooks["call.ended"].secrets == ("{{ secrets.A }}",)
    assert webhooks["call.lost"].secrets == ("{{ secrets.A }}", "{{ secrets.B }}")


def test_editor_fields_stay_in_the_source() -> None:
    source = flow(api(position={"x": 1, "y": 2}), viewport={"zoom": 1})
    assert read(json.dumps(source), "f.json").documents[0].source == source
    assert read(json.dumps(source), "f.json").warnings == ()


def test_a_source_reads_the_same_from_text_and_from_the_topic() -> None:
    for one in read(TWO, "f.yaml").documents:
        assert from_value(one.source) == one.value


def test_an_invalid_value_is_one_exception_with_all_faults() -> None:
    with pytest.raises(InvalidDocument) as caught:
        from_value(flow(api(method="FETCH", timeout="2m")))
    assert [fault.path for fault in caught.value.faults] == ["nodes[2].method", "nodes[2].timeout"]


@pytest.mark.parametrize("source", [None, 5, [], "x", {}, {"kind": "agents"}, {"kind": ["agent"]}])
def test_a_value_that_is_no_document_is_refused(source: Any) -> None:
    with pytest.raises(InvalidDocument):
        from_value(source)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "f.yaml:1: document: found no document; expected one of kind workflow or agent"),
        ("# nothing\n---\n", "f.yaml:1: document: found no document; expected one of kind workflow or agent"),
        (b"\xff\xfek\x00", "f.yaml:1: document: found bytes that are not UTF-8; expected text in UTF-8"),
        (
            b"kind: agent\nid: \xe9\n",
            "f.yaml:2: document: found bytes that are not UTF-8; expected text in UTF-8",
        ),
        ("hello", "f.yaml:1: document: found 'hello'; expected an object with kind: workflow or kind: agent"),
        ("id: x", "f.yaml:1: kind: found no kind; expected one of workflow, agent"),
        ("id: x\nkind: flow", "f.yaml:2: kind: found 'flow'; expected one of workflow, agent"),
        ("a" * (1 << 20) + "a", "f.yaml:1: document: found over 1 MiB; expected at most that much in a file"),
        ("é" * (1 << 19) + "a", "f.yaml:1: document: found over 1 MiB; expected at most that much in a file"),
    ],
)
def test_a_text_that_holds_no_document_is_one_fault(text: str | bytes, message: str) -> None:
    assert messages(text) == [message]


def test_a_byte_order_mark_is_no_fault() -> None:
    assert messages(b"\xef\xbb\xbfkind: agent\nid: bot\n") == []
    assert messages("\ufeffkind: agent\nid: bot\n") == []


def test_windows_line_ends_count_once() -> None:
    assert messages("kind: agent\r\nid: bot\r\ntimezone: Mars\r\n")[0].startswith("f.yaml:3: timezone: ")


def test_a_key_that_is_there_twice_is_refused_on_its_second_line() -> None:
    text = "kind: agent\nid: bot\nwebhooks: {}\nid: other\n"
    assert messages(text) == ["f.yaml:4: id: found this key a second time; expected it once"]


def test_a_key_twice_deep_in_a_body_is_refused_too() -> None:
    body = '{"a": {"b": 1,\n"b": 2}}'
    text = json.dumps(flow(api(body="BODY"))).replace('"BODY"', body)
    assert messages(text) == ["f.yaml:2: nodes[2].body.a.b: found this key a second time; expected it once"]


def test_faults_of_all_documents_come_with_their_own_lines() -> None:
    text = "kind: agent\nid: a b\n---\nkind: agent\nid: ok\n---\nkind: workflow\nid: w\nversion: x\n"
    assert [fault.split(": ")[:2] for fault in messages(text)] == [
        ["f.yaml:2", "id"],
        ["f.yaml:7", "nodes"],
        ["f.yaml:9", "version"],
    ]
    assert [one.key for one in read(text, "f.yaml").documents] == ["agent/ok"]


def test_a_document_with_too_many_faults_says_that_there_are_more() -> None:
    nodes = [{"id": f"n{at}"} for at in range(1000)]
    found = read(json.dumps({"kind": "workflow", "id": "w", "nodes": nodes}), "f.json").errors
    assert len(found) == 501
    assert sum("others are not shown" in fault.message for fault in found) == 1


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("id", ""), ("id", "a b"), ("id", "a@1"), ("id", "a/b"), ("id", 5), ("version", 0), ("version", "3"),
        ("version", True), ("version", 1.5), ("nodes", {}), ("nodes", [5]), ("edges", "a>b"), ("edges", [{}]),
        ("proper_end", "said"), ("transfer_policy", "last"), ("voicemail_policy", "proper"), ("test_calls", "maybe"),
        ("ready_deadline", "soon"), ("ready_deadline", "8d"), ("name", 5),
    ],
)  # fmt: skip
def test_a_workflow_field_that_is_wrong_is_refused_by_its_name(field: str, wrong: Any) -> None:
    with pytest.raises(InvalidDocument) as caught:
        from_value(flow(api()) | {field: wrong})
    assert all(fault.path.startswith(field) for fault in caught.value.faults)


def test_the_knobs_of_a_workflow_are_read() -> None:
    knobs = {
        "proper_end": "spoken",
        "transfer_policy": "end_node",
        "voicemail_policy": "end_node",
        "test_calls": "skip",
    }
    read_one = value(flow(api(), ready_deadline="90s", **knobs))
    assert {name: getattr(read_one, name) for name in knobs} == knobs
    assert read_one.ready_deadline == timedelta(seconds=90)


def test_the_same_content_is_the_same_whatever_the_order_of_keys() -> None:
    one = flow(api(body={"a": 1, "b": [1, 2]}))
    assert same(one, dict(reversed(one.items())))
    assert not same(one, flow(api(body={"a": 1, "b": [2, 1]})))
    assert not same(one, one | {"name": "x"})


@pytest.mark.parametrize(("one", "other"), [(1, True), (0, False), (1, 1.0), (None, ""), ({}, [])])
def test_values_of_different_types_are_not_the_same(one: Any, other: Any) -> None:
    assert not same({"body": one}, {"body": other})


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-10, 2**70) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)


@given(st.data())
def test_a_workflow_with_anything_anywhere_is_read_or_refused_but_never_a_crash(data: st.DataObject) -> None:
    whole = flow(
        api(auth={"type": "bearer", "token": "x"}, headers={"X": "y"}, when={"all": [{"path": "a", "op": "eq"}]},
            retry={"schedule": ["1s"]}, extract={"a": "$.a"}, needs=["end"], body={"a": ["{{ b }}"]}),
    )  # fmt: skip
    where: Any = whole
    while isinstance(where, dict | list) and where:
        key = data.draw(st.sampled_from(sorted(where) if isinstance(where, dict) else range(len(where))))
        if data.draw(st.booleans()) or not isinstance(where[key], dict | list):
            where[key] = data.draw(json_values)
            break
        where = where[key]
    found = read(json.dumps(whole), "f.json")
    assert found.documents or found.errors
