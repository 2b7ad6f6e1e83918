"""The one request that is sent: its bytes, its headers, its secrets as references only."""

import json
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.delivery import Secret
from schemas.workflow import Bearer, Sending
from streams.requests import Rendering, render_webhook
from streams.template import RenderFault
from tests.streams.rendering import RETRY, headers, known, node, rendered, shown

SENT = {"type": "call.ended", "timestamp": "2026-03-04T10:00:00.000Z", "data": {"call_id": "c1"}}


def webhook(**sending: Any) -> Rendering:
    return render_webhook(
        Sending("https://hooks.example.com/x", RETRY, **sending),
        SENT,
        call_id="c1",
        delivery_id="d1",
        is_test=True,
        traceparent=None,
        user_agent="postcall/1",
    )


def test_a_node_sends_its_rendered_body_as_json() -> None:
    found = rendered(node(body={"n": "{{ variables.n }}", "no": "{{ no }}"}, method="PATCH"), known(n=7))
    assert (found.request.method, found.request.body) == ("PATCH", b'{"n":7}')
    assert headers(found)["content-type"] == "application/json"
    assert (found.missing, found.endpoint) == (("variables.no",), "https://crm.example.com:443")


def test_every_request_says_what_it_is() -> None:
    trace = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    said = headers(rendered(node(), call_id="c/1 ü", is_test=True, traceparent=trace))
    assert said == {
        "user-agent": "postcall/1",
        "webhook-id": "d1",
        "idempotency-key": "d1",
        "postcall-event": "post_call_api",
        "postcall-call-id": "c%2F1%20%C3%BC",
        "postcall-test": "true",
        "traceparent": trace,
    }


def test_a_call_without_a_trace_gets_one_and_a_real_call_no_test_header() -> None:
    said = headers(rendered(node(), traceparent="garbage\r\n"))
    assert said["traceparent"] == headers(rendered(node()))["traceparent"]
    assert len(said["traceparent"]) == 55
    assert "postcall-test" not in said


@given(st.text())
def test_any_call_id_fits_a_header(call_id: str) -> None:
    value = headers(rendered(node(), call_id=call_id))["postcall-call-id"]
    assert unquote(value, errors="surrogatepass") == call_id
    assert value.isascii()


def test_a_webhook_sends_its_type_time_and_data() -> None:
    found = webhook(secrets=("{{ secrets.OLD }}", "whsec_abc"), x_signature=True)
    assert json.loads(found.request.body) == SENT
    assert headers(found)["postcall-event"] == "call.ended"
    assert found.request.secrets == ((Secret("OLD"),), ("whsec_abc",))
    assert found.request.x_signature


def test_a_document_cannot_set_what_is_ours() -> None:
    said = headers(
        rendered(
            node(headers={"Webhook-Id": "x", "Content-Type": "application/vnd.a+json", "X-A": "1"}, body={})
        )
    )
    assert (said["webhook-id"], said["content-type"], said["x-a"]) == ("d1", "application/vnd.a+json", "1")


def test_secrets_are_references_in_every_place() -> None:
    one = node(
        url="https://h/{{ secrets.A }}", headers={"X-B": "b {{ secrets.B }}"}, auth=Bearer("{{ secrets.C }}")
    )
    request = rendered(one).request
    assert shown(request.url) == "https://h/***A***"
    assert ("X-B", ("b ", Secret("B"))) in request.headers
    assert request.auth_texts == {"token": (Secret("C"),)}


@pytest.mark.parametrize(
    ("body", "content_type", "sent", "as_type"),
    [
        (None, None, "", None),
        ('{"a": "{{ v }}", "b": "{{ no }}"}', None, '{"a":"x\\"&<"}', "application/json"),
        ('{"a": {{ v }}, "b": {{ no }}}', None, '{"a": "x\\"&<", "b": null}', "application/json"),
        ("[note] {{ v }}", None, '[note] x"&<', "text/plain; charset=utf-8"),
        (
            "a={{ v }}",
            "application/x-www-form-urlencoded",
            "a=x%22%26%3C",
            "application/x-www-form-urlencoded",
        ),
        (
            {"a": "{{ v }}", "l": [1, True]},
            "application/x-www-form-urlencoded",
            "a=x%22%26%3C&l=1&l=true",
            None,
        ),
        ("<a>{{ v }}</a>", "application/soap+xml", "<a>x&quot;&amp;&lt;</a>", "application/soap+xml"),
        ('"{{ v }}"', "application/json; charset=utf-8", '"x\\"&<"', None),
    ],
)
def test_a_body_is_escaped_for_its_content_type(
    body: Any, content_type: str, sent: str, as_type: str
) -> None:
    stated = {"Content-Type": content_type} if content_type else {}
    found = rendered(node(body=body, headers=stated), known(v='x"&<'))
    assert found.request.body.decode() == sent
    assert headers(found).get("content-type") == (as_type or content_type)


@pytest.mark.parametrize(
    ("body", "data"),
    [
        ({"a": ["{{ v }}"] * 20}, known(v="ä" * 50_000)),
        ({"a": "{{ v }}"}, known(v=2**70)),
        ({"a": "\ud800"}, known()),
        ('{"a": {{ v }} {{ v }}}', known(v=1)),
        ({"a": "{{ secrets.A }}"}, known()),
    ],
)
def test_a_body_that_cannot_be_sent_is_a_render_fault(body: Any, data: Any) -> None:
    stated = {"Content-Type": "application/json"}
    with pytest.raises(RenderFault):
        rendered(node(body=body, headers=stated), data)


def test_a_missing_header_is_empty_or_left_out_under_omit() -> None:
    one = {"X-A": "{{ no }}", "X-B": "b{{ no }}"}
    assert headers(rendered(node(headers=one)))["x-a"] == ""
    left = headers(rendered(node(headers=one, missing="omit")))
    assert ("x-a" in left, left["x-b"]) == (False, "b")


def test_a_missing_value_in_a_url_is_an_error_unless_the_node_says_otherwise() -> None:
    with pytest.raises(RenderFault):
        rendered(node(url="https://h/{{ variables.id }}"))
    assert shown(rendered(node(url="https://h/{{ id }}", missing="empty")).request.url) == "https://h/"


@given(
    st.dictionaries(st.text(max_size=5), st.text(max_size=20) | st.integers(-9, 9) | st.none(), max_size=4)
)
def test_the_same_call_gives_the_same_bytes(variables: dict[str, Any]) -> None:
    one = node(body={"all": "{{ variables }}"})
    try:
        first = rendered(one, known(v=variables))
    except RenderFault:
        return
    assert first == rendered(one, known(v=variables))
    assert json.loads(first.request.body) == {"all": {"v": variables}}
