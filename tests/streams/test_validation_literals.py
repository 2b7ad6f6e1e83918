"""What is used as it stands must be usable: signing keys in plain text, and the keys of a body."""

import pytest

from streams.validation.checking import read_checked
from tests.schemas.texts import URL, agent, api, faults, flow, node_faults, node_warnings, webhook_faults


@pytest.mark.parametrize("key", ["whsec_!!!", "whsec_", "whsec_ä"])
def test_a_signing_key_that_cannot_be_read_is_a_fault_that_does_not_quote_it(key: str) -> None:
    found = node_faults(secret=key)
    assert set(found) == {"secret"}
    assert key.removeprefix("whsec_") == "" or key not in found["secret"]
    assert set(node_faults(secret=["{{ secrets.A }}", key])) == {"secret[1]"}
    assert set(webhook_faults(secret=key)) == {"secret"}


def test_a_signing_key_of_a_webhook_under_an_alias_is_checked_at_its_place() -> None:
    found = faults(agent(webhooks={"post-conversation": {"url": URL, "secret": "whsec_!!!"}}))
    assert set(found) == {"webhooks.post-conversation.secret"}


@pytest.mark.parametrize("key", ["whsec_aHVudGVyMg==", "whsec_aHVudGVyMg", "plain!", "whsec_{{ secrets.A }}"])
def test_a_signing_key_that_can_be_read_is_no_fault(key: str) -> None:
    assert node_faults(secret=key) == {}


def test_a_template_in_a_key_of_a_body_is_warned_of_at_its_line() -> None:
    text = (
        "kind: workflow\nid: w\nversion: 1\nnodes:\n- {id: t, type: default}\n- {id: e, type: end_call}\n"
        "- id: a\n  type: post_call_api\n  url: https://api.example.com\n  body:\n    plain: '{{ x }}'\n"
        "    deep:\n    - '{{ variables.name }}': 1\nedges: [{source: t, target: e}, {source: e, target: a}]\n"
    )
    (warning,) = [one for one in read_checked(text, "w.yaml").warnings if "key" in one.message]
    assert (warning.line, warning.path) == (13, "nodes[2].body.deep[0].{{ variables.name }}")
    assert warning.message == (
        "found a template in the key '{{ variables.name }}'; expected it in a value: keys are sent as they "
        "are written"
    )


def test_a_body_that_is_json_in_one_text_is_warned_of_as_a_whole() -> None:
    body = '{"{{ variables.name }}": "{% if x %}y{% endif %}"}'
    assert "{{ variables.name }}" in node_warnings(body=body)["body"]


@pytest.mark.parametrize(
    "body", ["{{ variables.name }}", {"a": "{{ variables.name }}"}, '{"a": {{ call.id }}}']
)
def test_a_template_in_a_value_is_not_warned_of(body: object) -> None:
    assert node_warnings(body=body) == {}


def test_a_text_that_is_sent_as_text_has_no_keys() -> None:
    node = api(headers={"Content-Type": "text/plain"}, body='{"{{ variables.name }}": 1}')
    assert faults(flow(node)) == {}
    assert node_warnings(headers={"Content-Type": "text/plain"}, body=node["body"]) == {}
