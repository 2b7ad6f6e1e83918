"""The console of a real worker on a real Kafka, in a real browser: it shows a call, and replays what was given up."""

import json
from pathlib import Path
from typing import Any

import pytest

from agents.demo.receiver import Rule, Script
from agents.web.console.feed import FRESH_SECONDS
from agents.workflows_topic import write
from tests.browsing import browser, faults_of_access, page
from tests.system.brokers import ServedBroker
from tests.system.kafka_topics import produce
from tests.system.receiver import ReceiverProcess
from tests.system.test_doors import setting
from tests.system.workers import Fleet

TOKEN = "opensesame-4711"

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.needs("chromium"), pytest.mark.timeout(240)]


def documents(url: str) -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = [
        {"id": "greet", "type": "default", "start": True},
        {"id": "resolved", "type": "end_call"},
        {"id": "crm", "type": "post_call_api", "url": f"{url}/crm"},
        {"id": "mail", "type": "post_call_api", "url": f"{url}/mail"},
    ]
    ends = {"greet": ["resolved"], "resolved": ["crm", "mail"]}
    edges = [{"source": source, "target": target} for source, targets in ends.items() for target in targets]
    return [
        {"kind": "workflow", "id": "support", "version": 1, "nodes": nodes, "edges": edges},
        {"kind": "agent", "id": "bot", "workflow": "support"},
    ]


def told(call_id: str) -> list[tuple[bytes, bytes, list[Any]]]:
    base = {"call_id": call_id, "agent_id": "bot"}
    events = [
        {"type": "call.answered"},
        {"type": "node.entered", "data": {"node_id": "greet"}},
        {"type": "node.entered", "data": {"node_id": "resolved"}},
        {"type": "call.ended", "data": {"reason": "end_node"}},
    ]
    # Told within a millisecond: without a seq nobody could say which node came last.
    return [
        (call_id.encode(), json.dumps(base | each | {"seq": number}).encode(), [])
        for number, each in enumerate(events)
    ]


async def test_a_call_is_seen_and_what_was_given_up_is_replayed(kafka: ServedBroker, tmp_path: Path) -> None:
    own = setting(kafka.bootstrap, tmp_path, POSTCALL_GRACE="100ms", POSTCALL_WEB_TOKEN=TOKEN)
    refusing_once = Script(rules=(Rule(path="/crm", fail_first=1, failure_status=422),))
    with ReceiverProcess(tmp_path, refusing_once) as receiver, Fleet(own) as fleet:
        own.apply(documents(receiver.url))
        (worker,) = fleet.add()
        produce(kafka.bootstrap, f"{own.prefix}call-events", told("call-1"))
        url = f"http://127.0.0.1:{worker.port}"
        complaints: list[str] = []
        async with browser() as started, page(started, complaints) as shown:
            await shown.goto(f"{url}/?token={TOKEN}")
            await shown.get_by_role("link", name="call-1").wait_for(timeout=30_000)
            await shown.get_by_text("1 dead").first.wait_for(timeout=30_000)
            await shown.get_by_role("link", name="call-1").click()
            text = await shown.locator("main").inner_text()
            for said in (
                "PROPER",
                "R1",
                "node.entered",
                "call.answered",
                "attempt 1: 422",
                "refused the request",
            ):
                assert said in text, text
            assert await shown.locator("svg.bars rect.bar").count() == 2
            assert await shown.locator(".box.on-path").count() == 2
            assert await shown.locator(".box.dead").count() == 1
            assert await faults_of_access(shown) == []

            await shown.get_by_role("link", name="Dead letters").click()
            await shown.get_by_label("node crm of call-1").check()
            await shown.get_by_role("button", name="Replay the ticked").click()
            assert "Nothing was asked for yet. 1 of 1" in await shown.locator("main").inner_text()
            assert await faults_of_access(shown) == []
            assert len(receiver.requests()) == 2
            await shown.get_by_role("button", name="Replay now").click()
            await shown.get_by_text("Asked for 1 of 1").wait_for(timeout=30_000)

            await shown.goto(f"{url}/")
            await shown.get_by_text("2 done").first.wait_for(timeout=30_000)

            mark = ("endpoint/bot/mail", {"disabled": True, "why": "410"})
            await write({"bootstrap_servers": kafka.bootstrap}, f"{own.prefix}workflows", [mark])
            await shown.wait_for_timeout(FRESH_SECONDS * 1000)
            await shown.goto(f"{url}/endpoints")
            assert await faults_of_access(shown) == []
            await shown.get_by_role("button", name="Resume bot/mail").click()
            await shown.get_by_text("bot/mail gets requests again").wait_for()
            await shown.goto(f"{url}/endpoints")
            assert await shown.get_by_role("button", name="Resume").count() == 0
        worker.terminate()
        assert worker.wait() == 0
        assert complaints == []
        assert [one.path for one in receiver.requests()].count("/crm") == 2
        assert TOKEN not in worker.log.read_text()
