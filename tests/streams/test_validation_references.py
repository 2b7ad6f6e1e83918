"""What templates, conditions and `needs` name must exist, be allowed there, and come before."""

from typing import Any

import pytest

from schemas.documents import conditions
from schemas.documents.reading import InvalidDocument
from streams.conditions import OPERATORS as KNOWN_OPERATORS
from streams.validation.checking import accept
from tests.schemas.texts import (
    URL,
    agent,
    api,
    faults,
    flow,
    node_faults,
    node_warnings,
    reading,
    webhook_faults,
)


def chain_faults(**fields: Any) -> dict[str, str]:
    """Faults of `b`, in end > a > b > c with x on the side."""
    nodes = api("a", extract={"id": "$.id"}), api("b", **fields), api("c"), api("x")
    return faults(flow(*nodes, edges="end>a a>b b>c end>x"))


@pytest.mark.parametrize("place", ["url", "body", "header", "when", "needs"])
@pytest.mark.parametrize("node_id", ["b", "c", "x", "ghost", "talk"])
def test_a_name_of_a_node_that_does_not_come_before_is_refused(place: str, node_id: str) -> None:
    path, fields = _naming(place, node_id)
    found = chain_faults(**fields)
    assert set(found) == {f"nodes[3].{path}"}
    assert found[f"nodes[3].{path}"].endswith("a node that comes before this one (a)")
    assert ("unknown" in found[f"nodes[3].{path}"]) == (node_id == "ghost")


@pytest.mark.parametrize("place", ["url", "body", "header", "when", "needs"])
def test_a_name_of_a_node_that_comes_before_is_accepted(place: str) -> None:
    assert chain_faults(**_naming(place, "a")[1]) == {}


def _naming(place: str, node_id: str) -> tuple[str, dict[str, Any]]:
    path = f"nodes.{node_id}.response.body.id"
    return {
        "url": ("url", {"url": f"{URL}/{{{{ {path} }}}}"}),
        "body": ("body.deep[0].id", {"body": {"deep": [{"id": f"a {{{{ {path} }}}}"}]}}),
        "header": ("headers.X-Id", {"headers": {"X-Id": f"{{{{ {path} | upcase }}}}"}}),
        "when": ("when.all[0].path", {"when": {"all": [{"path": path, "op": "exists"}]}}),
        "needs": ("needs[1]", {"needs": ["end", node_id]}),
    }[place]


@pytest.mark.parametrize("need", ["end", "transcript", "recording", "analytics"])
def test_what_a_node_can_need_besides_nodes_is_accepted(need: str) -> None:
    assert node_faults(needs=[need]) == {}


def test_a_grandparent_comes_before_too() -> None:
    nodes = api("a"), api("b"), api("c", body="{{ nodes.a.response.status }}")
    assert faults(flow(*nodes, edges="end>a a>b b>c")) == {}


@pytest.mark.parametrize(
    "template",
    ["{{ ", "{{ a | }}", "{% if a %}", "{{ a | nosuch: 1 }}",
     "{% include 'x' %}", "{% render 'x' %}", "{% layout 'x' %}",
     "{{ foo.bar }}", "{{ environment.PATH }}", "{% extends 'x' %}", "{{ secrets.KEY }}", "{{ secrets.KEY | upcase }}"],
)  # fmt: skip
@pytest.mark.parametrize("body", ["{}", "text {}"])
def test_a_body_template_that_is_not_allowed_is_refused(template: str, body: str) -> None:
    assert "body.a" in node_faults(body={"a": body.replace("{}", template)})
    assert "body" in node_faults(body=body.replace("{}", template))


@pytest.mark.parametrize("template", ["{{ secrets.KEY_FILE }}", "{{ foo.bar }}", "{% include 'x' %}", "{{"])
@pytest.mark.parametrize("place", ["url", "headers.X-Key", "auth.token", "secret"])
def test_a_template_elsewhere_that_is_not_allowed_is_refused(template: str, place: str) -> None:
    fields: dict[str, Any] = {
        "url": {"url": f"{URL}/{template}"},
        "headers.X-Key": {"headers": {"X-Key": template}},
        "auth.token": {"auth": {"type": "bearer", "token": template}},
        "secret": {"secret": template},
    }
    assert place in node_faults(**fields[place])


def test_secrets_may_stand_in_headers_urls_and_auth() -> None:
    whole = {
        "url": f"{URL}/{{{{ secrets.HOOK }}}}",
        "headers": {"X-Key": "Key {{ secrets.KEY }}"},
        "auth": {"type": "basic", "username": "{{ secrets.USER }}", "password": "{{ secrets.PASSWORD }}"},
    }
    assert node_faults(**whole) == {}


@pytest.mark.parametrize("field", ["token", "secret"])
def test_conversation_data_is_not_allowed_in_auth(field: str) -> None:
    auth = {"token": {"type": "bearer", "token": "{{ variables.t }}"},
            "secret": {"type": "hmac", "header": "X-S", "secret": "{{ variables.t }}"}}  # fmt: skip
    assert "call data" in node_faults(auth=auth[field])[f"auth.{field}"]


@pytest.mark.parametrize(
    "url", ["{{ variables.url }}", "https://{{ variables.host }}/", "https://api.example.com{{ variables.rest }}",
            "{{ scheme }}://api.example.com", "https://api.example.com:{{ port }}/", "https://{{ t }}.example.com/"]
)  # fmt: skip
def test_the_scheme_and_the_host_cannot_come_from_the_conversation(url: str) -> None:
    assert "url" in node_faults(url=url)


def test_a_webhook_comes_after_no_node() -> None:
    found = webhook_faults(headers={"X-Id": "{{ nodes.a.response.body }}"})
    assert found["headers.X-Id"].startswith("found nodes.a; expected none")


def test_templates_of_a_webhook_under_an_alias_are_checked_at_their_place() -> None:
    found = faults(
        agent(webhooks={"post-conversation": {"url": URL, "secret": ["{{ secrets.A }}", "{{ x }}"]}})
    )
    assert set(found) == {"webhooks.post-conversation.secret[1]"}


def test_a_template_in_a_conversation_node_is_none_of_ours() -> None:
    say = {"id": "say", "type": "default", "prompt": "{{ foo.bar }}", "body": "{{"}
    assert faults(flow(say, edges="talk>say")) == {}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ call.duration }}", "duration_seconds"),
        ("{{ agent.region }}", "id, name"),
        ("{{ variables.name|upcse }}", "upcase"),
    ],
)
def test_what_is_allowed_and_hardly_meant_is_a_warning(template: str, expected: str) -> None:
    assert expected in node_warnings(body=template)["body"]
    assert node_faults(body=template) == {}


@pytest.mark.parametrize(
    "path", ["nodes.a.body", "nodes.a.response.code", "nodes.a.response.extracted.ticket"]
)
def test_a_part_of_a_response_that_is_never_kept_is_a_warning(path: str) -> None:
    nodes = api("a", extract={"id": "$.id"}), api("b", body=f"{{{{ {path} }}}}")
    found = reading(flow(*nodes, edges="end>a a>b"))
    assert ([warning.path for warning in found.warnings], found.errors) == (["nodes[3].body"], ())


def test_a_value_from_the_topic_can_be_held_to_all_rules() -> None:
    assert accept(flow(api())).id == "flow"
    with pytest.raises(InvalidDocument, match="no way from an End Call node"):
        accept(flow(api(), edges=""))


def test_the_operators_that_are_accepted_are_those_that_can_be_asked() -> None:
    assert set(conditions.OPERATORS) == KNOWN_OPERATORS
