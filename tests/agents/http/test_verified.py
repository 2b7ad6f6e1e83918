"""From the records of a call to its endpoints: every request is verified by the library of receivers, and
carries the trace of its events."""

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace
from standardwebhooks import Webhook, WebhookVerificationError

from agents.cli.simulate import definitions_in
from agents.cli.simulated_answers import Answers
from agents.policy import policy
from schemas.calls import Rendered
from schemas.delivery import Answered
from schemas.encodings.reading import read
from schemas.events import Event
from schemas.settings import Settings
from streams.definitions import Snapshot
from streams.signing import hex_hmac
from streams.simulation import play
from tests.agents.http.behaviours import OK, Asked, says
from tests.agents.http.builders import attempts, outbound
from tests.agents.http.hostile import receiving

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
NEW, OLD = "whsec_" + b64encode(b"n" * 32).decode(), "whsec_" + b64encode(b"o" * 24).decode()
PLAIN = "ein schönes Passwort"

DOCUMENTS = """
kind: workflow
id: flow
version: 1
nodes:
  - {id: done, type: end_call}
  - {id: notify, type: post_call_api, url: "URL/node", body: {who: "{{ call.id }}", said: "naïve ☎"}}
edges: [{source: done, target: notify}]
---
kind: agent
id: bot
workflow: flow
webhooks:
  call.ended: {url: "URL/hook", secret: SECRETS, signature: x-signature}
  call.settled: {url: "URL/hook", secret: SECRETS}
  node.entered: {url: "URL/hook", secret: SECRETS, signature: x-signature}
"""


def event(number: int, kind: str, data: str, *headers: tuple[str, bytes]) -> tuple[datetime, Event]:
    """An event as it stands on the topic."""
    at = AT + timedelta(seconds=number)
    value = (
        f'{{"id": "{number}", "type": "{kind}", "call_id": "c-1", "agent_id": "bot", "data": {data},'
        f' "occurred_at": "{at.isoformat()}"}}'
    )
    return at, read(value.encode(), headers, at, None)


def requests(definitions: Snapshot, *headers: tuple[str, bytes]) -> dict[str, Rendered]:
    """All that a call sends which came to its proper end, by delivery id."""
    events = [
        event(1, "call.answered", "{}", *headers),
        event(2, "node.entered", '{"node_id": "done"}', *headers),
        event(3, "call.ended", '{"reason": "caller_hangup"}', *headers),
    ]
    [told] = play("c-1", events, definitions, policy(Settings()), Answers({}).reply)
    return told.requests


async def sent(folder: Path, secrets: str, *headers: tuple[str, bytes]) -> list[Asked]:
    """Every request as it came over the wire, the first attempt and the second."""
    async with receiving(hook=says(OK), node=says(OK)) as receiver:
        text = DOCUMENTS.replace("URL", receiver.url("").rstrip("/")).replace("SECRETS", secrets)
        (folder / "bot.yaml").write_text(text)
        sender = attempts(environment={"NEW": NEW, "OLD": OLD, "PLAIN": PLAIN})
        for delivery_id, rendered in requests(definitions_in([folder / "bot.yaml"]), *headers).items():
            for attempt in (1, 2):
                out = replace(outbound(rendered.request, attempt), delivery_id=delivery_id)
                assert isinstance(await sender.make(out), Answered)
    assert len(receiver.asked) == 8
    return receiver.asked


def verifies(asked: Asked, secret: str) -> bool:
    """Whether a receiver that holds this secret takes the request for ours."""
    key = secret if secret.startswith("whsec_") else b64encode(secret.encode()).decode()
    try:
        Webhook(key).verify(asked.body, asked.headers)
    except WebhookVerificationError:
        return False
    return True


@pytest.mark.parametrize(
    ("named", "holders"),
    [
        ('"{{ secrets.OLD }}"', (OLD,)),
        ('["{{ secrets.NEW }}", "{{ secrets.OLD }}"]', (NEW, OLD)),
        ('["{{ secrets.OLD }}", "{{ secrets.NEW }}"]', (OLD, NEW)),
        ('"{{ secrets.NEW }}"', (NEW,)),
        ('["{{ secrets.PLAIN }}", "{{ secrets.NEW }}", "{{ secrets.OLD }}"]', (PLAIN, NEW, OLD)),
    ],
)
async def test_every_webhook_is_verified_by_whoever_holds_a_key_of_the_rotation_and_by_nobody_else(
    tmp_path: Path, named: str, holders: tuple[str, ...]
) -> None:
    hooks = [asked for asked in await sent(tmp_path, named) if asked.target == "/hook"]
    assert len(hooks) == 6
    for asked in hooks:
        assert [verifies(asked, secret) for secret in (NEW, OLD, PLAIN)] == [
            secret in holders for secret in (NEW, OLD, PLAIN)
        ]
        changed = Asked(asked.method, asked.target, asked.headers, asked.body + b" ", 0)
        assert not verifies(changed, holders[0])


async def test_x_signature_is_there_where_it_was_asked_for_and_is_the_first_keys(tmp_path: Path) -> None:
    asked = await sent(tmp_path, '["{{ secrets.PLAIN }}", "{{ secrets.OLD }}"]')
    with_it = [each for each in asked if "x-signature" in each.headers]
    assert len(with_it) == 4
    for each in with_it:
        assert each.headers["x-signature"] == hex_hmac(PLAIN.encode(), each.body)


async def test_a_repetition_has_the_same_id_and_the_same_bytes_and_ids_come_from_the_call_alone(
    tmp_path: Path,
) -> None:
    asked, again = [await sent(tmp_path, '"{{ secrets.NEW }}"') for _ in range(2)]
    for first, second in zip(asked[::2], asked[1::2], strict=True):
        assert (first.headers["webhook-id"], first.body) == (second.headers["webhook-id"], second.body)
        assert [each.headers["postcall-attempt"] for each in (first, second)] == ["1", "2"]
        assert first.headers["idempotency-key"] == first.headers["webhook-id"]
        assert "." not in first.headers["webhook-id"]
    ids = [each.headers["webhook-id"] for each in asked[::2]]
    assert len(set(ids)) == len(ids)
    assert ids == [each.headers["webhook-id"] for each in again[::2]]


@pytest.mark.parametrize("header", ["traceparent", "TraceParent"])
async def test_the_trace_of_the_records_goes_on_to_every_endpoint(tmp_path: Path, header: str) -> None:
    asked = await sent(tmp_path, '"{{ secrets.NEW }}"', (header, TRACE.encode()))
    assert {each.headers["traceparent"] for each in asked} == {TRACE}


@pytest.mark.parametrize(
    "value", [b"garbage", b"\xff\xfe", b"", b"00-" + b"0" * 32 + b"-" + b"1" * 16 + b"-01"]
)
async def test_a_header_that_is_no_trace_costs_no_event_and_gives_one_trace_for_the_call(
    tmp_path: Path, value: bytes
) -> None:
    asked = await sent(tmp_path, '"{{ secrets.NEW }}"', ("traceparent", value))
    traces = {each.headers["traceparent"][:36] for each in asked}
    assert len(traces) == 1
    assert "0" * 32 not in traces.pop()
