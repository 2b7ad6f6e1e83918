"""`postcall produce` puts events where a worker looks for them, or sends nothing and says why."""

import json
import subprocess
import uuid
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition

from schemas.encodings.reading import read
from schemas.wire import json_bytes
from streams.topology import home
from tests.builders import START
from tests.system.brokers import ServedBroker
from tests.system.kafka_topics import create_topics
from tests.system.workers import POSTCALL, Setting

EVENT = {
    "type": "call.ended",
    "call_id": "c-1",
    "agent_id": "bot",
    "source": "test",
    "data": {"reason": "busy"},
}


@pytest.fixture(scope="module")
def setting(kafka: ServedBroker, tmp_path_factory: pytest.TempPathFactory) -> Setting:
    name = f"produce-{uuid.uuid4().hex[:8]}"
    create_topics(kafka.bootstrap, {f"{name}.call-events": 8}, copies=1)
    return Setting(kafka.bootstrap, name, tmp_path_factory.mktemp("produce"))


def produce(setting: Setting, *words: str, text: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [POSTCALL, "produce", *words],
        env=setting.environment(),
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def record_at(setting: Setting, landed: dict[str, Any]) -> Any:
    """The record where an event is said to have landed."""
    reading = {"bootstrap.servers": setting.bootstrap, "group.id": uuid.uuid4().hex, "log_level": 2}
    consumer = Consumer(reading)
    consumer.assign([TopicPartition(landed["topic"], landed["partition"], landed["offset"])])
    try:
        record = consumer.poll(20)
        assert record is not None
        assert record.error() is None
        return record
    finally:
        consumer.close()


@pytest.mark.kafka
def test_an_event_lands_on_its_calls_partition_and_says_where(setting: Setting) -> None:
    done = produce(
        setting,
        "--call",
        "c-3",
        "--type",
        "call.ended",
        "--agent",
        "bot",
        "--data",
        '{"reason": "busy"}',
        "--json",
    )
    assert done.returncode == 0, done.stderr
    (landed,) = json.loads(done.stdout)["produced"]
    assert (landed["topic"], landed["partition"]) == (f"{setting.prefix}call-events", home("c-3", 8))
    record = record_at(setting, landed)
    event = read(record.value(), (), START, record.key())
    assert (record.key(), event.call_id, event.id) == (b"c-3", "c-3", landed["id"])
    assert event.data == {"reason": "busy"}


@pytest.mark.kafka
@pytest.mark.parametrize("encoding", ["plain", "structured", "binary"])
def test_a_file_of_events_is_read_by_a_worker_as_it_was_meant(setting: Setting, encoding: str) -> None:
    events = [EVENT | {"call_id": f"c-{number}", "seq": number} for number in range(30)]
    text = "".join(json_bytes(event).decode() + "\n" for event in events)
    done = produce(setting, "--file", "-", "--as", encoding, "--json", text=text)
    assert done.returncode == 0, done.stderr
    landed = json.loads(done.stdout)["produced"]
    assert [each["partition"] for each in landed] == [home(event["call_id"], 8) for event in events]
    record = record_at(setting, landed[7])
    found = read(record.value(), tuple(record.headers() or ()), START, record.key())
    assert (found.call_id, found.seq, found.source, found.data) == ("c-7", 7, "test", {"reason": "busy"})


@pytest.mark.kafka
def test_one_fault_and_nothing_is_sent(setting: Setting, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text(json.dumps(EVENT) + "\n" + json.dumps(EVENT | {"seq": "8"}) + "\n")
    done = produce(setting, "--file", str(file))
    assert done.returncode == 1
    assert done.stdout == f"{file}:2: document: found a string as seq; expected a whole number\n"
    assert "none was sent" in done.stderr


@pytest.mark.kafka
def test_a_line_for_people_says_where_and_warnings_go_to_stderr(setting: Setting) -> None:
    done = produce(setting, "--call", "c-3", "--type", "call.endet")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"call.endet of c-3: {setting.prefix}call-events[{home('c-3', 8)}]@")
    assert "did you mean call.ended?" in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 2, "found no event; expected --call ID and --type T, or --file FILE"),
        (("--call", "c"), 2, "found no event; expected --call ID and --type T"),
        (("--file", "-", "--call", "c"), 2, "found --file and an event's own flags; expected one of them"),
        (("--call", "c", "--type", "t", "--data", "{"), 2, "--data: found no JSON"),
        (
            ("--call", "c", "--type", "t", "--as", "xml"),
            2,
            "--as: found 'xml'; expected one of plain, structured",
        ),
        (("--call", "c", "--type", "t", "--as", "binary"), 1, "line 1: found no source; expected one"),
        (("--file", "no-such-file"), 1, "no-such-file: found no such file or directory"),
        (("--call", "c", "--type", "t", "--broker", "127.0.0.1:1"), 3, "found no broker at 127.0.0.1:1"),
        (("--call", "c", "--type", "t", "--topic-prefix", "none."), 1, "found no topic none.call-events"),
    ],
)
@pytest.mark.kafka
def test_what_cannot_be_done_is_said_and_the_code_tells(
    setting: Setting, words: tuple[str, ...], code: int, said: str
) -> None:
    done = produce(setting, *words)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
