"""Workers make events of what platforms send to topics of their own: none is lost, and poison stops nobody."""

import json
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from schemas.encodings.reading import read
from schemas.events import Event
from streams.topology import home
from tests.builders import START
from tests.streams.test_adapting import cases
from tests.system.brokers import ServedBroker
from tests.system.kafka_topics import create_topics, produce, topics_seen
from tests.system.topic_values import Written, written
from tests.system.workers import Fleet, Setting

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]

FLOW = {
    "kind": "workflow",
    "id": "flow",
    "version": 1,
    "nodes": [
        {"id": "greet", "type": "default", "start": True},
        {"id": "resolved", "type": "end_call"},
    ],
    "edges": [{"source": "greet", "target": "resolved"}],
}
(OVER,) = (case["payload"] for case in cases("retell") if case["says"] == "a call is over")
AGENT = {"kind": "agent", "id": OVER["call"]["agent_id"], "workflow": "flow"}
SECONDS = 40.0
LONG = json.dumps(
    {"event": "transcript_updated", "call": {"call_id": "c", "transcript": "word " * 100}}
).encode()
BACKLOG = 12_000
"""Payloads that say nothing, and take longer to read than a grace that has lapsed takes to be noticed."""


def setting_of(kafka: ServedBroker, folder: Path) -> Setting:
    name = f"adapt-{uuid.uuid4().hex[:8]}"
    words = f"{name}-retell=retell,{name}-twilio=twilio"
    return Setting(kafka.bootstrap, name, folder, more={"POSTCALL_ADAPT": words, "POSTCALL_GRACE": "1s"})


def until(seen: Callable[[], Any], seconds: float = SECONDS) -> Any:
    """What is seen, once it is something."""
    end = time.monotonic() + seconds
    while not (found := seen()):
        if time.monotonic() > end:
            raise TimeoutError(f"nothing was seen within {seconds} s")
        time.sleep(0.3)
    return found


def events(setting: Setting) -> list[tuple[Written, Event]]:
    found = written(setting.bootstrap, f"{setting.prefix}call-events")
    return [(each, read(each.value, each.headers, START, each.key)) for each in found]


def said(setting: Setting, topic: str) -> list[dict[str, Any]]:
    return [json.loads(each.value) for each in written(setting.bootstrap, f"{setting.prefix}{topic}")]


def payload(call_id: str) -> bytes:
    return json.dumps({**OVER, "call": {**OVER["call"], "call_id": call_id}}).encode()


def test_payloads_become_verdicts_and_poison_a_dead_letter(kafka: ServedBroker, tmp_path: Path) -> None:
    setting = setting_of(kafka, tmp_path)
    retell, twilio = f"{setting.name}-retell", f"{setting.name}-twilio"
    create_topics(setting.bootstrap, {retell: 3}, copies=1)  # unlike call-events' 8
    setting.apply([FLOW, AGENT])
    produce(
        setting.bootstrap,
        retell,
        [
            (
                None,
                payload("c-1"),
                [("traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")],
            ),
            (None, b"{", []),
            (None, None, []),
            (None, b'{"event": "call_started", "call": {}}', []),
            (None, b'{"event": "call_paused", "call": {"call_id": "c-1"}}', []),
            (None, payload("c-2"), []),
        ],
    )
    with Fleet(setting) as fleet:
        (worker,) = fleet.add()
        assert topics_seen(setting.bootstrap)[twilio] == 8, "a topic that nobody made is made"
        produce(setting.bootstrap, twilio, [(b"x", b"CallSid=CA1&CallStatus=busy&SequenceNumber=2", [])])
        verdicts = until(
            lambda: (
                len(
                    found := [
                        each for each in said(setting, "call-outcomes") if each["type"] == "call.outcome"
                    ]
                )
                == 3
                and found
            )
        )
        told = events(setting)
        letters = said(setting, "dead-letters")
        worker.scrape()
        assert worker.scraped['postcall_notes_total{note="unknown_payload"}'] == 1
        assert worker.scraped['postcall_dead_letters_total{reason="unreadable"}'] == 3
        assert sum(
            number for series, number in worker.scraped.items() if series.startswith("postcall_events_total")
        ) == len(told)
        assert worker.scraped["postcall_events_rekeyed_total"] == 0
        worker.terminate()
        assert worker.wait() == 0
    by_call = {each["call_id"]: each for each in verdicts}
    assert {call: (each["verdict"], each["rule"], each["end_node_id"]) for call, each in by_call.items()} == {
        "c-1": ("PROPER", "R3", "resolved"),
        "c-2": ("PROPER", "R3", "resolved"),
        "CA1": ("NOT_CONNECTED", "R10", None),
    }
    assert all(
        (at.partition, at.key) == (home(event.call_id, 8), event.call_id.encode()) for at, event in told
    )
    assert {event.traceparent is None for _, event in told if event.call_id == "c-1"} == {False}
    assert {event.type for _, event in told if event.call_id == "c-1"} == {
        "node.entered",
        "variables.updated",
        "call.ended",
        "transcript.ready",
        "recording.ready",
    }
    assert {(letter["reason"], letter["source"]["topic"]) for letter in letters} == {("unreadable", retell)}
    assert "passed over a payload of retell" in worker.log.read_text()


@pytest.mark.slow
def test_a_worker_that_is_killed_loses_no_payload(kafka: ServedBroker, tmp_path: Path) -> None:
    setting = setting_of(kafka, tmp_path)
    retell = f"{setting.name}-retell"
    create_topics(setting.bootstrap, {retell: 4}, copies=1)
    setting.apply([FLOW, AGENT])
    calls = [f"c-{number}" for number in range(1200)]
    with Fleet(setting) as fleet:
        first, _ = fleet.add(2)
        for start in range(0, len(calls), 300):
            produce(
                setting.bootstrap, retell, [(None, payload(call), []) for call in calls[start : start + 300]]
            )
            if start == 300:
                fleet.kill(first)
                first.start()
        ended = until(
            lambda: (
                {each["call_id"] for each in said(setting, "call-outcomes") if each["type"] == "call.outcome"}
                >= set(calls)
            ),
            90,
        )
        assert ended
        verdicts = [each for each in said(setting, "call-outcomes") if each["type"] != "call.settled"]
    assert {each["verdict"] for each in verdicts} == {"PROPER"}
    ids = {(event.call_id, event.id) for _, event in events(setting)}
    assert len(ids) == 5 * len(calls)


@pytest.mark.slow
def test_silence_is_concluded_only_when_what_platforms_had_said_was_read(
    kafka: ServedBroker, tmp_path: Path
) -> None:
    setting = setting_of(kafka, tmp_path)
    retell = f"{setting.name}-retell"
    setting.apply([FLOW, AGENT])
    with Fleet(setting) as fleet:
        (worker,) = fleet.add()
        for number in range(2):
            call = f"c-{number}"
            ended = {
                "type": "call.ended",
                "call_id": call,
                "agent_id": AGENT["id"],
                "data": {"reason": "completed"},
            }
            spoken = {"type": "conversation.started", "call_id": call, "agent_id": AGENT["id"]}
            produce(
                setting.bootstrap,
                f"{setting.prefix}call-events",
                [(call.encode(), json.dumps(each).encode(), []) for each in (spoken, ended)],
            )
            until(lambda: worker.scrape().get('postcall_events_total{result="applied"}', 0) >= 2, 10)
            worker.pause()
            # The node that makes it proper comes in time, while nobody is there to read it.
            produce(setting.bootstrap, retell, [*[(b"x", LONG, [])] * BACKLOG, (b"x", payload(call), [])])
            time.sleep(1.5)
            worker.resume()
            until(lambda: any(each["call_id"] == call for each in said(setting, "call-outcomes")))  # noqa: B023
            time.sleep(0.5)
        verdicts = [each for each in said(setting, "call-outcomes") if each["type"] != "call.settled"]
    assert {(each["type"], each["verdict"]) for each in verdicts} == {("call.outcome", "PROPER")}
    assert len(verdicts) == 2
