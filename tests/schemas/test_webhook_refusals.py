"""What a voice agent may not say about its webhooks, its privacy and its time zone."""

from typing import Any

import pytest

from schemas.documents.subscriptions import ALIASES, WEBHOOK_TYPES
from streams.validation.checking import read_checked
from tests.schemas.texts import URL, agent, faults, reading, webhook_faults


@pytest.mark.parametrize("kind", sorted(WEBHOOK_TYPES | ALIASES.keys()))
def test_every_canonical_type_and_alias_can_be_subscribed(kind: str) -> None:
    assert webhook_faults(kind) == {}


def test_there_is_a_type_for_every_event_and_every_outcome() -> None:
    outcomes = "ended completed failed busy no_answer cancelled voicemail transferred premature lost settled"
    assert {f"call.{outcome}" for outcome in outcomes.split()} <= WEBHOOK_TYPES
    assert len(WEBHOOK_TYPES) == 30


@pytest.mark.parametrize("kind", ["call.paused", "CALL.ENDED", "post_conversation", "", "ended"])
def test_an_unknown_event_type_is_refused_with_all_that_there_are(kind: str) -> None:
    found = faults(agent(webhooks={kind: {"url": URL}}))
    assert [message.split("; ")[0] for message in found.values()] == [
        f"found the unknown event type '{kind}'"
    ]
    assert "call.ended" in str(found)


@pytest.mark.parametrize("alias", sorted(ALIASES))
def test_two_webhooks_for_one_event_are_refused_also_through_an_alias(alias: str) -> None:
    kind = ALIASES[alias]
    found = faults(agent(webhooks={kind: {"url": URL}, alias: {"url": URL}}))
    assert found == {f"webhooks.{alias}": f"found '{alias}' beside '{kind}'; expected one webhook for {kind}"}


def test_the_same_type_twice_is_a_key_twice() -> None:
    text = f"kind: agent\nid: b\nwebhooks:\n  call.ended: {{url: '{URL}'}}\n  call.ended: {{url: '{URL}'}}\n"
    assert [fault.line for fault in read_checked(text, "f").errors] == [5]


@pytest.mark.parametrize(
    ("field", "wrong"),
    [("url", 5), ("url", "ftp://x"), ("timeout", "61s"), ("retry", "x"), ("auth", {"type": "x"}), ("secret", 5),
     ("signature", "hmac"), ("headers", {"Cookie": "x"}), ("tls", {"insecure": "yes"})],
)  # fmt: skip
def test_a_webhook_field_that_is_wrong_is_refused(field: str, wrong: Any) -> None:
    assert any(path.startswith(field) for path in webhook_faults(**{field: wrong}))


def test_a_webhook_without_url_and_one_that_is_no_object_are_refused() -> None:
    assert set(faults(agent(webhooks={"call.ended": {}}))) == {"webhooks.call.ended.url"}
    assert "webhooks.call.ended" in faults(agent(webhooks={"call.ended": URL}))


def test_a_method_is_no_field_of_a_webhook() -> None:
    warnings = reading(agent(webhooks={"call.ended": {"url": URL, "method": "PUT"}})).warnings
    assert [warning.path for warning in warnings] == ["webhooks.call.ended.method"]


@pytest.mark.parametrize(
    ("field", "wrong", "path"),
    [
        ("timezone", "Mars/Olympus", "timezone"),
        ("timezone", "../etc/passwd", "timezone"),
        ("timezone", 1, "timezone"),
        ("workflow", {"id": "x"}, "workflow"),
        ("privacy", ["variables.x"], "privacy"),
        ("privacy", {"drop": "variables.x"}, "privacy.drop"),
        ("privacy", {"mask": ["no such path"]}, "privacy.mask[0]"),
        ("egress", "10.0.0.0/8", "egress"),
        ("egress", [], "egress"),
        ("egress", ["10.0.0.0/33"], "egress[0]"),
        ("egress", ["10.1"], "egress[0]"),
        ("egress", ["https://x.example.com"], "egress[0]"),
        ("webhooks", [], "webhooks"),
    ],
)
def test_an_agent_field_that_is_wrong_is_refused(field: str, wrong: Any, path: str) -> None:
    assert set(faults(agent(**{field: wrong}))) == {path}


def test_an_agent_with_everything_right_has_no_fault() -> None:
    whole = agent(
        name="Bot", workflow="flow", timezone="Asia/Kolkata", egress=["10.0.0.0/8", "::1", "crm.internal"],
        privacy={"drop": ["variables.card"], "hash": ["call.from"], "mask": ["transcript[*].content"]},
    )  # fmt: skip
    assert faults(whole) == {}


@pytest.mark.parametrize(
    ("insecure", "warned"), [("true", [(6, "webhooks.call.ended.tls.insecure")]), ("false", [])]
)
def test_a_certificate_that_nobody_checks_is_warned_of_at_its_line(
    insecure: str, warned: list[tuple[int, str]]
) -> None:
    text = (
        "kind: agent\nid: bot\nwebhooks:\n  call.ended:\n    url: https://api.example.com\n"
        f"    tls: {{insecure: {insecure}}}\n"
    )
    reading = read_checked(text, "bot.yaml")
    assert ([(each.line, each.path) for each in reading.warnings], reading.errors) == (warned, ())
