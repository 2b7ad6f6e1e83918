"""An endpoint that fails is left alone, told of to all workers, and gets everything once it is well.

Judged from outside: by the receiver's file, the metrics and the workflows topic.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from agents.demo.receiver import Rule, Script
from agents.ledger.topics import read_topics
from tests.system.brokers import ServedBroker
from tests.system.kafka_topics import produce
from tests.system.receiver import ReceiverProcess, Request
from tests.system.workers import Fleet, Setting

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

CALLS = 60
RATE = 20
FAILS = Script(rules=(Rule(path="/fails", status=500),))


def documents(url: str) -> list[dict[str, object]]:
    """Two webhooks of one event each: to an endpoint that fails, and to one that wants 20 a second."""
    again = {"schedule": ["1s"] * 99}
    hooks = {
        "call.answered": {"url": f"{url}/fails", "retry": again},
        "call.ringing": {"url": f"{url}/paced", "rate": RATE},
    }
    nodes = [{"id": "greet", "type": "default"}, {"id": "end", "type": "end_call"}]
    edges = [{"source": "greet", "target": "end"}]
    return [
        {"kind": "workflow", "id": "flow", "version": 1, "nodes": nodes, "edges": edges},
        {"kind": "agent", "id": "bot", "workflow": "flow", "webhooks": hooks},
    ]


def told(kafka: ServedBroker, setting: Setting, kind: str) -> None:
    """Every call says that, all at once."""
    events = [
        (f"c-{number}", {"type": kind, "call_id": f"c-{number}", "agent_id": "bot"})
        for number in range(CALLS)
    ]
    records = [(key.encode(), json.dumps(event).encode(), []) for key, event in events]
    produce(kafka.bootstrap, f"{setting.prefix}call-events", records)


def eventually(true: Callable[[], bool], seconds: float = 30.0) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until
        time.sleep(0.2)


def to(path: str, receiver: ReceiverProcess) -> list[Request]:
    return [each for each in receiver.requests() if each.path == path]


def marks(kafka: ServedBroker, setting: Setting) -> list[tuple[bytes | None, bytes | None]]:
    """The marks of endpoints, in the order in which they were written."""
    topic = f"{setting.prefix}workflows"
    records = read_topics({"bootstrap.servers": kafka.bootstrap}, [topic])[topic]
    return [(each.key, each.value) for each in records if (each.key or b"").startswith(b"endpoint/")]


def test_an_endpoint_that_fails_is_left_alone_and_gets_everything_once_it_is_well(
    kafka: ServedBroker, tmp_path: Path
) -> None:
    setting = Setting(kafka.bootstrap, f"endpoints-{uuid4().hex}", tmp_path)
    with ReceiverProcess(tmp_path, FAILS) as receiver, Fleet(setting) as fleet:
        setting.apply(documents(receiver.url))
        (worker,) = fleet.add()
        told(kafka, setting, "call.answered")
        eventually(lambda: worker.scrape()['postcall_endpoints{state="open"}'] == 1)
        time.sleep(3)
        assert len(to("/fails", receiver)) <= 12, "its limit, and four in the places of the first that failed"
        ((key, value),) = marks(kafka, setting)
        assert key == b"endpoint/bot/call.answered"
        assert set(json.loads(value or b"")) == {"failing_since"}

        receiver.behave(Script())
        eventually(lambda: sum(each.answer == 200 for each in to("/fails", receiver)) == CALLS)
        done = [each for each in to("/fails", receiver) if each.answer == 200]
        assert len({each.headers["webhook-id"] for each in done}) == CALLS
        assert sum(each.at < done[0].at + 5 for each in done) <= 55, "ten a second at first"
        eventually(lambda: marks(kafka, setting)[-1] == (key, None))
        assert worker.scrape()['postcall_endpoints{state="closed"}'] == 1


def test_an_endpoint_that_wants_20_a_second_gets_20_a_second(kafka: ServedBroker, tmp_path: Path) -> None:
    setting = Setting(kafka.bootstrap, f"paced-{uuid4().hex}", tmp_path)
    with ReceiverProcess(tmp_path) as receiver, Fleet(setting) as fleet:
        setting.apply(documents(receiver.url))
        fleet.add()
        told(kafka, setting, "call.ringing")
        eventually(lambda: len(to("/paced", receiver)) == CALLS)
        at = sorted(each.at for each in to("/paced", receiver))
        assert at[-1] - at[0] == pytest.approx((CALLS - 1) / RATE, abs=0.25)
        assert max(sum(first <= each < first + 1 for each in at) for first in at) <= RATE + 2
