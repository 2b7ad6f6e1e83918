"""`postcall explain` and `postcall doctor` where no worker ever was, on the broker of the demo."""

import json
from collections.abc import Iterator

import pytest
from confluent_kafka import Producer

from agents.cli import doctor, explain
from agents.cli.exits import DONE, BrokerUnreachable, CommandRefused, UsageRefused
from agents.demo.broker import EmbeddedBroker
from schemas.settings import Settings
from schemas.wire import json_bytes
from streams.topology import OUTPUTS, home
from tests.system.kafka_process import free_ports
from tests.system.kafka_topics import produce

RINGING = {"type": "call.ringing", "call_id": "c-1", "agent_id": "bot"}


@pytest.fixture
def settings() -> Iterator[Settings]:
    names = ("call-events", "postcall-internal", "postcall-calls-changelog", *OUTPUTS)
    with EmbeddedBroker({"workflows": 1, **dict.fromkeys(names, 2)}) as broker:
        yield Settings(broker=broker.bootstrap, embedded=True)


def test_what_no_worker_has_handled_is_told_to_wait_for_one(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    produce(settings.broker, "call-events", [(b"c-1", json_bytes(RINGING), [])])
    assert explain.run("c-1", None, as_json=False, settings=settings) == DONE
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "c-1: no verdict, unhandled; voice agent bot, no workflow"
    assert any("see `postcall doctor`" in line for line in said)


def test_a_row_of_a_newer_release_is_one_error(settings: Settings) -> None:
    # librdkafka's partitioner for the key of a row is not that of its call.
    producer = Producer({"bootstrap.servers": settings.broker})
    producer.produce("postcall-calls-changelog", b"\xff", b"lc-1", partition=home("c-1", 2))
    assert producer.flush(10) == 0
    with pytest.raises(CommandRefused, match="found format 255; this release reads"):
        explain.look("c-1", None, settings)


@pytest.mark.parametrize("call_id", ["", "x" * 257])
def test_what_can_be_no_call_id_is_refused(call_id: str) -> None:
    with pytest.raises(UsageRefused, match="expected 1 to 256"):
        explain.run(call_id, None, as_json=False, settings=Settings())


def test_a_time_that_is_none_is_refused() -> None:
    with pytest.raises(UsageRefused, match="--since: found 'soon'"):
        explain.run("c-1", "soon", as_json=False, settings=Settings())


def test_without_a_broker_nobody_is_asked() -> None:
    (port,) = free_ports(1)
    with pytest.raises(BrokerUnreachable):
        explain.run("c-1", None, as_json=True, settings=Settings(broker=f"127.0.0.1:{port}"))


def test_the_doctor_knows_the_broker_of_the_demo(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert doctor.run(as_json=True, settings=settings) == DONE
    found = {each["about"]: each for each in json.loads(capsys.readouterr().out)["findings"]}
    assert found["version"]["found"] == "librdkafka's test cluster, which is no Kafka"
    assert found["partitions and configuration"]["level"] == "ok"
