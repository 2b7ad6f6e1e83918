"""A worker obeys what a voice agent's document, as it is in force, and a secret's keeper say of where to go."""

import json
import threading
import time
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer

from tests.system.brokers import ServedBroker
from tests.system.kafka_topics import produce
from tests.system.workers import Fleet, Setting

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(180)]


class Hook(BaseHTTPRequestHandler):
    """Answers 200 and remembers which path was asked for."""

    asked: list[str]

    def do_POST(self) -> None:
        """Answer."""
        self.rfile.read(int(self.headers["content-length"]))
        self.asked.append(self.path)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def hook() -> Iterator[tuple[str, list[str]]]:
    """A receiver on loopback: its URL by name, and what it was asked for."""
    asked: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Asked", (Hook,), {"asked": asked}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://localhost:{server.server_port}", asked
    server.shutdown()
    server.server_close()


def agent(name: str, url: str, **more: Any) -> dict[str, Any]:
    """A voice agent with one webhook."""
    only = {"egress": more.pop("egress")} if "egress" in more else {}
    hook = {"url": f"{url}/{name}", **more}
    return {"kind": "agent", "id": name, "webhooks": {"call.ended": hook}, **only}


def attempt(setting: Setting, call_id: str, agent_id: str) -> tuple[str, str | None]:
    """The class and error of the one attempt that a call of an agent leads to."""
    event = {"type": "call.ended", "call_id": call_id, "agent_id": agent_id, "data": {"reason": "busy"}}
    record = (call_id.encode(), json.dumps(event).encode(), [])
    produce(setting.bootstrap, f"{setting.prefix}call-events", [record])
    reading = {"bootstrap.servers": setting.bootstrap, "group.id": uuid.uuid4().hex, "log_level": 2}
    consumer = Consumer(reading | {"auto.offset.reset": "earliest"})
    consumer.subscribe([f"{setting.prefix}delivery-log"])
    until = time.monotonic() + 60
    try:
        while time.monotonic() < until:
            found = consumer.poll(0.2)
            value = json.loads(found.value() or b"{}") if found and not found.error() else {}
            if value.get("call_id") == call_id:
                return value["class"], value["error"]
    finally:
        consumer.close()
    raise TimeoutError(f"no attempt for {call_id} within 60 s")


def test_a_narrowing_and_a_bound_secret_hold_in_a_worker_and_a_narrowing_from_when_it_is_applied(
    kafka: ServedBroker, tmp_path: Path, hook: tuple[str, list[str]]
) -> None:
    url, asked = hook
    more = {"POSTCALL_SECRET_KEY": "planted", "POSTCALL_HOSTS_OF_KEY": "crm.example.com"}
    setting = Setting(kafka.bootstrap, f"egress-{uuid.uuid4().hex[:8]}", tmp_path, more=more)
    bound = {"headers": {"x": "{{ secrets.KEY }}"}}
    narrow = agent("narrow", url, egress=["127.0.0.2"])
    setting.apply([agent("free", url), narrow, agent("secret", url, **bound)])
    with Fleet(setting) as fleet:
        fleet.add()
        assert attempt(setting, "c-1", "free") == ("success", None)
        assert attempt(setting, "c-2", "narrow") == ("ours", "egress_denied")
        assert attempt(setting, "c-3", "secret") == ("ours", "secret_not_for_host")
        setting.apply([agent("narrow", url, egress=["localhost"])])
        assert attempt(setting, "c-4", "narrow") == ("success", None)
    assert asked == ["/free", "/narrow"]
    assert "planted" not in "".join(log.read_text() for log in tmp_path.glob("*.log"))


def test_apply_refuses_an_address_that_this_worker_may_not_reach(kafka: ServedBroker, tmp_path: Path) -> None:
    setting = Setting(kafka.bootstrap, f"egress-{uuid.uuid4().hex[:8]}", tmp_path)
    with pytest.raises(RuntimeError, match=r"webhooks\.call\.ended\.url: found an address that is private"):
        setting.apply([agent("bot", "http://10.0.0.1")])
