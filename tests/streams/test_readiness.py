"""A node waits for exactly the data that it uses, or that it says it needs."""

from datetime import timedelta
from typing import Any

import pytest

from schemas.workflow import Node, When
from schemas.workflow import Test as Told
from streams.readiness import missing_now, needs, transcript_at
from tests.streams.rendering import NOW, node, workflow


def needed(one: Node) -> set[str]:
    return set(needs(one, workflow(node("up-crm"), one)))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ variables.a }} {{ call.id }}", set()),
        ("{{ transcript }}", {"transcript"}),
        ("{% for t in transcript %}{{ t.role }}{% endfor %}", {"transcript"}),
        ("{{ transcript_text }}", {"transcript"}),
        ("{{ recording.url|none }}", {"recording"}),
        ("{{ analytics.metrics.csat }}", {"analytics"}),
        ("{{ call_summary }} {{ disposition }}", {"analytics"}),
        ("{{ nodes.up-crm.response.status }}", {"up-crm"}),
        ("{{ nodes.nobody.response.status }}", set()),
    ],
)
def test_it_waits_for_what_its_body_uses(source: str, expected: set[str]) -> None:
    assert needed(node("n", body={"a": ["x", {"b": source}]})) == expected


@pytest.mark.parametrize(
    "fields",
    [
        {"url": "https://h/{{ analytics.disposition }}"},
        {"headers": {"X-A": "{{ analytics.disposition }}"}},
        {"body": "{{ analytics.disposition }}"},
        {"when": When("all", (When("any", (Told("analytics.disposition", "eq", 1),)),))},
    ],
)
def test_it_waits_for_what_its_url_headers_and_condition_use(fields: dict[str, Any]) -> None:
    assert needed(node("n", **fields)) == {"analytics"}


def test_what_is_stated_is_not_computed() -> None:
    body = {"a": "{{ transcript }}"}
    assert needed(node("n", body=body, needs=("recording", "up-crm"))) == {"recording", "up-crm"}
    assert needed(node("n", body=body, needs=("end",))) == set()


def test_it_waits_only_for_what_is_not_there() -> None:
    assert missing_now(frozenset({"transcript", "recording"}), {"recording", "turns"}, ()) == {"transcript"}


def test_turns_are_a_transcript_three_seconds_after_the_end() -> None:
    assert transcript_at(NOW) == NOW + timedelta(seconds=3)
