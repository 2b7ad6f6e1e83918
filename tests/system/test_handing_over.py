"""A partition moves while requests are on the wire, and each of them is made once.

Few calls and one slow endpoint: what the long runs of test_end_to_end.py show among many things, seen alone.
"""

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from agents.demo.receiver import Rule, Script
from agents.ledger.topics import read_topics
from tests.system.brokers import ServedBroker
from tests.system.kafka_topics import produce
from tests.system.receiver import ReceiverProcess
from tests.system.workers import Fleet, Setting

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

CALLS = 8
"""As many as the lane of one endpoint has under way."""

STARTS = 20.0
"""Seconds within which a worker starts and joins, on a machine that is busy with others."""


class Moving:
    """Calls whose webhook is under way, and what is known of them."""

    def __init__(self, setting: Setting, receiver: ReceiverProcess, fleet: Fleet) -> None:
        self.setting, self.receiver, self.fleet = setting, receiver, fleet

    def sent(self) -> Counter[str]:
        """How often each webhook was requested."""
        return Counter(each.headers["webhook-id"] for each in self.receiver.requests())

    def first_at(self) -> float:
        """When the first request arrived, in seconds since 1970."""
        return min(each.at for each in self.receiver.requests())

    def done(self) -> int:
        """How many deliveries have their success recorded."""
        topic = f"{self.setting.prefix}delivery-log"
        records = read_topics({"bootstrap.servers": self.setting.bootstrap}, [topic])[topic]
        told = [json.loads(each.value or b"{}") for each in records]
        return len({one["delivery_id"] for one in told if one["class"] == "success"})

    def settle(self) -> None:
        """Every delivery is done, and none was asked for again."""
        until = time.monotonic() + 40
        while self.done() < CALLS:
            assert time.monotonic() < until, f"{self.done()} of {CALLS} deliveries done"
            time.sleep(0.3)
        again = {key: times for key, times in self.sent().items() if times > 1}
        assert again == {}, f"{len(again)} of {CALLS} requests were sent again"


@contextmanager
def under_way(kafka: ServedBroker, folder: Path, seconds: float) -> Iterator[Moving]:
    """One worker that has all its requests on the wire, for so long."""
    setting = Setting(kafka.bootstrap, f"moving-{uuid4().hex[:8]}", folder)
    slowly = Script(rules=(Rule(delay=seconds),))
    with ReceiverProcess(folder, slowly) as receiver, Fleet(setting) as fleet:
        hook = {"url": f"{receiver.url}/hook", "timeout": f"{seconds + 2:.0f}s"}
        setting.apply([{"kind": "agent", "id": "bot", "webhooks": {"call.ringing": hook}}])
        fleet.add()
        moving = Moving(setting, receiver, fleet)
        calls = [f"c-{number}" for number in range(CALLS)]
        events = [{"type": "call.ringing", "call_id": call, "agent_id": "bot"} for call in calls]
        records = [(each["call_id"].encode(), json.dumps(each).encode(), []) for each in events]
        produce(kafka.bootstrap, f"{setting.prefix}call-events", records)
        until = time.monotonic() + 20
        while len(moving.sent()) < CALLS:
            assert time.monotonic() < until, f"{len(moving.sent())} of {CALLS} requests arrived"
            time.sleep(0.05)
        yield moving


def test_what_is_on_the_wire_when_a_partition_moves_is_not_sent_again(
    kafka: ServedBroker, tmp_path: Path
) -> None:
    with under_way(kafka, tmp_path, seconds=STARTS) as moving:
        moving.fleet.add()
        assert time.time() < moving.first_at() + STARTS, "the partitions moved too late to show anything"
        moving.settle()


def test_sigterm_waits_for_what_is_on_the_wire(kafka: ServedBroker, tmp_path: Path) -> None:
    with under_way(kafka, tmp_path, seconds=5) as moving:
        (leaving,) = moving.fleet.workers
        leaving.terminate()
        assert leaving.wait() == 0
        moving.fleet.add()
        moving.settle()
