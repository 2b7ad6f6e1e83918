"""A version never changes; the same again is no fault; nothing is published beside a fault."""

from typing import Any

import pytest

from schemas.documents.reading import Document
from schemas.wire import json_bytes
from streams.publishing import publications, unknown_workflows, versions_of
from streams.validation.checking import read_checked


def document(**fields: Any) -> Document:
    """An agent, or with a version a workflow, as read from a file."""
    source: dict[str, Any] = {"id": "a"} | fields
    source["kind"] = "workflow" if "version" in source else "agent"
    if "version" in source:
        source["nodes"] = [{"id": "greet", "type": "default", "start": True}]
    reading = read_checked(json_bytes(source), "a.json")
    assert not reading.errors
    return reading.documents[0]


def written(*documents: Document) -> dict[str, bytes]:
    return {each.key: json_bytes(each.source) for each in documents}


def test_a_document_that_nobody_knows_is_created() -> None:
    planned, faults = publications([document(), document(version=1)], {})
    assert [each.result for each in planned] == ["created", "created"]
    assert faults == ()


def test_the_same_content_is_unchanged_and_written_again() -> None:
    planned, faults = publications([document(version=1, name="b")], written(document(name="b", version=1)))
    assert [(each.document.key, each.result) for each in planned] == [("workflow/a@1", "unchanged")]
    assert faults == ()


def test_other_content_under_an_existing_version_is_refused_naming_the_next_free_one() -> None:
    there = written(document(version=1), document(version=7), document(version=7, id="b"))
    planned, (fault,) = publications([document(version=1, name="other")], there)
    assert planned == ()
    assert (fault.file, fault.path) == ("a.json", "version")
    assert "found other content than was applied as version 1" in fault.message
    assert "the next free one is 8" in fault.message


def test_an_agent_may_change() -> None:
    planned, faults = publications([document(name="new")], written(document(name="old")))
    assert [each.result for each in planned] == ["changed"]
    assert faults == ()


@pytest.mark.parametrize(
    "refused", [b"{", b"[]", b'{"kind": "workflow"}', json_bytes(document(version=2).source), b"[" * 100_000]
)
def test_a_record_that_workers_refuse_may_be_replaced(refused: bytes) -> None:
    planned, faults = publications([document(version=1)], {"workflow/a@1": refused})
    assert ([each.result for each in planned], faults) == (["created"], ())


def test_an_agent_of_a_workflow_that_was_never_applied_is_warned_about() -> None:
    agent = document(id="bot", workflow="a")
    assert unknown_workflows([agent], {})[0].path == "workflow"
    assert unknown_workflows([agent, document(version=1)], {}) == ()
    assert unknown_workflows([agent], written(document(version=3))) == ()


def test_keys_that_nobody_understands_are_passed_over() -> None:
    keys = ["workflow/a@2", "workflow/a@x", "nonsense", "agent/a", "endpoint/a/b", "workflow/a@1"]
    assert versions_of("a", keys) == (2, 1)
