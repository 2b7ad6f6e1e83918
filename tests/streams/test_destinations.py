"""A document that sends where nothing may go is refused with its line, not when the first call ends."""

import pytest

from schemas.documents.reading import Reading
from streams.egress import Egress, egress
from streams.validation.checking import read_checked
from streams.validation.destinations import with_destinations

DOCUMENTS = """
kind: workflow
id: flow
version: 1
nodes:
  - {id: done, type: end_call}
  - id: notify
    type: post_call_api
    url: NODE
    auth: {type: oauth2_client_credentials, token_url: "TOKEN", client_id: us, client_secret: "{{ secrets.S }}"}
edges: [{source: done, target: notify}]
---
kind: agent
id: bot
workflow: flow
egress: EGRESS
webhooks:
  call.ended: {url: "HOOK"}
"""

PUBLIC = "https://api.example.com/{{ call.id }}"


def read(
    node: str = PUBLIC,
    token: str = "https://api.example.com/token",
    hook: str = PUBLIC,
    only: str = "",
    opened: str = "",
) -> Reading:
    text = DOCUMENTS.replace("NODE", f'"{node}"').replace("TOKEN", token).replace("HOOK", hook)
    text = text.replace("egress: EGRESS", f"egress: [{only}]" if only else "")
    return with_destinations(read_checked(text, "bot.yaml"), egress(opened.split(",")))


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "10.1.2.3:8080", "[::1]", "[::ffff:10.0.0.1]", "169.254.169.254"]
)
@pytest.mark.parametrize(
    ("where", "line", "path"),
    [
        ("node", 9, "nodes[1].url"),
        ("token", 10, "nodes[1].auth.token_url"),
        ("hook", 18, "webhooks.call.ended.url"),
    ],
)
def test_an_address_that_is_not_public_is_refused_with_its_line(
    host: str, where: str, line: int, path: str
) -> None:
    reading = read(**{where: f"http://{host}/x"})
    assert [(fault.line, fault.path) for fault in reading.errors] == [(line, path)]
    assert "expected a public one" in reading.errors[0].message
    assert len(reading.documents) == 1


def test_what_the_operator_opened_or_only_a_name_hides_is_let_through() -> None:
    assert not read("http://10.1.2.3/", opened="10.0.0.0/8").errors
    assert not read("http://localhost/", hook="http://8.8.8.8/", token="http://a.internal/").errors


def test_a_host_outside_the_narrowing_of_its_voice_agent_is_refused_with_its_line() -> None:
    reading = read(only="api.example.com", hook="https://evil.example.com/", token="https://8.8.8.8/")
    assert [(fault.line, fault.path) for fault in reading.errors] == [
        (10, "nodes[1].auth.token_url"),
        (18, "webhooks.call.ended.url"),
    ]
    assert reading.errors[1].message == (
        "found the host 'evil.example.com'; expected one of the `egress` of agent 'bot'"
    )


def test_a_name_may_lead_into_a_range_that_is_listed_but_an_address_outside_is_refused() -> None:
    assert not read(only="8.8.8.0/24", hook="https://8.8.8.8/").errors
    assert [fault.path for fault in read(only="8.8.8.0/24", hook="https://9.9.9.9/").errors] == [
        "webhooks.call.ended.url"
    ]


def test_a_narrowing_opens_nothing() -> None:
    assert [fault.path for fault in read(only="10.0.0.0/8", hook="http://10.0.0.1/").errors] == [
        "webhooks.call.ended.url"
    ]


def test_a_destination_is_refused_together_with_whatever_else_is_wrong_with_its_document() -> None:
    text = DOCUMENTS.replace("NODE", '"http://10.0.0.1/"').replace("TOKEN", "http://10.0.0.2/")
    text = text.replace("HOOK", "http://10.0.0.3/").replace("EGRESS", "[8.8.8.8]\ntimezone: Mars")
    text = text.replace("version: 1", "version: none")
    reading = with_destinations(read_checked(text, "bot.yaml"), Egress())
    assert reading.documents == ()
    paths = {fault.path for fault in reading.errors if "a public one" in fault.message}
    assert paths == {"nodes[1].url", "nodes[1].auth.token_url", "webhooks.call.ended.url"}
    assert {"version", "timezone"} <= {fault.path for fault in reading.errors}


@pytest.mark.parametrize("only", ["[api.example.com, 7]", "[api.example.com, 'no such/thing']", "[]", "7"])
def test_nothing_is_judged_by_a_narrowing_that_is_at_fault(only: str) -> None:
    text = DOCUMENTS.replace("NODE", f'"{PUBLIC}"').replace("TOKEN", "https://other.example.com/")
    reading = with_destinations(
        read_checked(text.replace("HOOK", PUBLIC).replace("EGRESS", only), "bot.yaml"), Egress()
    )
    assert {fault.path.partition("[")[0] for fault in reading.errors} == {"egress"}


@pytest.mark.parametrize("text", ["kind: workflow\nid: a\n", "kind: agent\nid: a\nwebhooks: 7\n"])
def test_a_document_with_other_faults_keeps_them(text: str) -> None:
    found = read_checked(text, "a.yaml")
    assert found.errors
    assert with_destinations(found, Egress()) == found
