"""Of a reply only what somebody names is kept, and no reply makes that costly."""

import json
from typing import Any

import pytest

from schemas.delivery import Keep
from schemas.workflow import Test as Told
from schemas.workflow import When
from streams.extract import Extraction, extract, keeps
from tests.streams.rendering import node, workflow

BODY = json.dumps({"ticket": {"id": 7}, "users": [{"email": "a@b"}], "0": "zero", "none": None}).encode()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$.ticket.id", {"v": 7}),
        ("ticket.id", {"v": 7}),
        ("$.users[0].email", {"v": "a@b"}),
        ("users.0.email", {"v": "a@b"}),
        ("$.users[-1]['email']", {"v": "a@b"}),
        ("$['0']", {"v": "zero"}),
        ("$.none", {"v": None}),
        ("$.nobody.id", {}),
        ("$.users.email", {}),
        ("$.ticket[0]", {}),
        ("$.users.size", {}),
    ],
)
def test_a_path_leads_to_its_value_or_nowhere(path: str, expected: Any) -> None:
    assert extract(Keep(extract={"v": path}), [], BODY, "application/json").extracted == expected


def test_only_what_is_named_is_kept() -> None:
    later = node(
        "later",
        body={"a": "{{ nodes.crm.response.headers.X-Id }}", "b": "{{ nodes.other.response.body.x }}"},
        when=When("all", (Told("nodes.crm.response.extracted.id", "exists"),)),
    )
    flow = workflow(node("crm", extract={"id": "$.id"}), node("other"), later)
    assert keeps(flow, "crm") == Keep(("x-id",), body=False, extract={"id": "$.id"})
    assert keeps(flow, "other") == Keep(body=True)
    assert keeps(flow, "later") == Keep()


@pytest.mark.parametrize(
    "source", ["{{ nodes.crm }}", "{{ nodes.crm.response }}", "{{ nodes.crm.response[variables.x] }}"]
)
def test_naming_the_whole_response_keeps_all_of_it(source: str) -> None:
    flow = workflow(node("crm"), node("later", body={"a": source}))
    assert keeps(flow, "crm") == Keep(("*",), body=True)


def test_nothing_is_kept_when_nothing_is_named() -> None:
    assert extract(Keep(), [("X-A", "1")], BODY, "application/json") == Extraction({}, None, {})


def test_named_headers_are_kept_in_lower_case_and_joined() -> None:
    kept = extract(Keep(("x-a",)), [("X-A", "1"), ("x-a", "2"), ("X-B", "3")], b"", None)
    assert kept.headers == {"x-a": "1, 2"}


def test_a_body_that_is_no_json_is_text() -> None:
    kept = extract(
        Keep(body=True, extract={"v": "$.a"}),
        [],
        "gr\xfc\xdf".encode("latin-1"),
        "text/plain; charset=ISO-8859-1",
    )
    assert (kept.body, kept.extracted) == ("grüß", {})


@pytest.mark.parametrize(
    "body", [b"[" * 500 + b"]" * 500, b'{"a":' * 100 + b"1" + b"}" * 100, b"[" * 60_000, b"\xff\xfe"]
)
def test_a_hostile_body_is_kept_as_text_at_most(body: bytes) -> None:
    assert isinstance(extract(Keep(body=True), [], body, "application/json").body, str)
