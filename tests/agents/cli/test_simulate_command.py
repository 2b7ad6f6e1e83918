"""`postcall simulate` answers on the right stream, ends with the right code, and always says the same."""

import json
import random
from pathlib import Path

import pytest

from tests.agents.cli.simulating import STANDARD, Story, api, call, clock, run, simulated, workflow, written
from tests.agents.cli.test_command_line import postcall

RESOLVED = call().answered().node("resolved").ended("end_node")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "w.json").write_text(json.dumps(STANDARD[0]))
    (tmp_path / "a.yaml").write_text(json.dumps(STANDARD[1]))
    (tmp_path / "e.jsonl").write_bytes(written(*RESOLVED.lines))
    (tmp_path / "r.json").write_text('{"crm": {"status": 500}}')
    return tmp_path


FILES = ("simulate", "w.json", "a.yaml", "--events")


def test_the_executable_prints_json_and_nothing_else(folder: Path) -> None:
    done = postcall(*FILES, "e.jsonl", "--responses", "r.json", "--json")
    shown = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert (shown["calls"][0]["verdict"], shown["unreadable"]) == ("PROPER", 0)
    assert {one["id"]: one["result"] for one in shown["calls"][0]["deliveries"]}["crm"] == "dead"


def test_people_get_lines(folder: Path) -> None:
    done = postcall(*FILES, "e.jsonl")
    assert (done.returncode, done.stdout.startswith("c1: PROPER")) == (0, True)


def test_an_empty_file_of_events_is_no_calls(folder: Path) -> None:
    (folder / "none.jsonl").write_bytes(b"")
    done = postcall(*FILES, "none.jsonl", "--json")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"calls": [], "unreadable": 0})


REFUSED = [
    ("w.json a.yaml --events nowhere.jsonl", 1, "nowhere.jsonl"),
    ("nowhere.yaml --events e.jsonl", 1, "nowhere.yaml"),
    ("w.json a.yaml --events e.jsonl --responses nowhere.json", 1, "nowhere.json"),
    ("w.json a.yaml --events e.jsonl --responses e.jsonl", 1, "e.jsonl"),
    ("w.json a.yaml --events e.jsonl --responses list.json", 1, "list.json"),
    ("w.json a.yaml --events e.jsonl --responses status.json", 1, "status"),
    ("w.json wrong.yaml --events e.jsonl", 1, "wrong.yaml:"),
    ("w.json a.yaml --events .", 1, "."),
    ("w.json a.yaml", 2, "--events"),
    ("--events e.jsonl", 2, ""),
    ("w.json --events e.jsonl --nonsense", 2, "--nonsense"),
    ("w.json --events e.jsonl --grace banana", 2, "grace"),
]


@pytest.mark.parametrize(("words", "code", "named"), REFUSED)
def test_what_makes_no_sense_is_refused_on_stderr(folder: Path, words: str, code: int, named: str) -> None:
    (folder / "list.json").write_text("[1]")
    (folder / "status.json").write_text('{"crm": {"status": "x"}}')
    (folder / "wrong.yaml").write_text(
        "kind: workflow\nid: x\nversion: 1\nnodes:\n  - {id: a, type: post_call_api}\n"
    )
    done = postcall("simulate", *words.split(), "--json")
    assert (done.returncode, done.stdout) == (code, "")
    assert named.lower() in done.stderr.lower()
    assert "Traceback" not in done.stderr


POISON = [
    b"{",
    b"null",
    b"[]",
    b'"x"',
    b"\xff\xfe",
    b'{"type": "call.ended"}',
    b'{"call_id": "c9", "occurred_at": "2026-03-01T12:00:00Z"}',
    b'{"call_id": 5, "type": "x", "occurred_at": "2026-03-01T12:00:00Z"}',
    b'{"call_id": "", "type": "x", "occurred_at": "2026-03-01T12:00:00Z"}',
    b'{"call_id": "c9", "type": "x", "occurred_at": "yesterday"}',
    b'{"call_id": "c9", "type": "x", "occurred_at": "2026-03-01T12:00:00Z", "_arrived_at": "later"}',
    b'{"call_id": "c9", "type": "x", "occurred_at": "2026-03-01T12:00:00Z", "data": []}',
    b'{"call_id": "c1", "type": "node.entered", "occurred_at": "2026-03-01T12:00:00Z", "data": {"node_id": []}}',
    b'{"call_id": "c1", "type": "closing.spoken", "occurred_at": "2026-03-01T12:00:00Z", "new": 1}',
    b"[" * 100_000,
    b'{"call_id": "' + b"x" * 300 + b'", "type": "x", "occurred_at": "2026-03-01T12:00:00Z"}',
]


@pytest.mark.parametrize("line", POISON)
def test_a_line_that_cannot_be_read_is_counted_and_named_and_harms_no_other(line: bytes) -> None:
    good = written(*RESOLVED.lines)
    done = run(STANDARD, good + line + b"\n" + good)
    shown = json.loads(done.out)
    assert (done.code, shown["unreadable"], [one["verdict"] for one in shown["calls"]]) == (0, 1, ["PROPER"])
    assert "events.jsonl:4:" in done.err


def test_a_missing_last_newline_blank_lines_and_carriage_returns_are_no_fault() -> None:
    lines = written(*RESOLVED.lines).replace(b"\n", b"\r\n\r\n").rstrip()
    assert json.loads(run(STANDARD, lines).out) == json.loads(run(STANDARD, written(*RESOLVED.lines)).out)


def test_the_same_input_gives_the_same_bytes() -> None:
    stories = [
        call(f"c{number}").answered().turn().node("resolved").ended("caller_hangup") for number in range(20)
    ]
    events = written(*(line for story in stories for line in story.lines))
    answers = {"crm": [{"status": 500}, {"error": "timeout"}, {"status": 429}], "call.ended": {"status": 404}}
    assert run(STANDARD, events, answers).out == run(STANDARD, events, answers).out


def test_the_executable_gives_the_same_bytes_whatever_the_seed_of_hashes(folder: Path) -> None:
    outs = {postcall(*FILES, "e.jsonl", "--json", PYTHONHASHSEED=seed).stdout for seed in ("1", "2")}
    assert len(outs) == 1


def test_a_setting_may_come_from_a_flag_or_the_environment(folder: Path) -> None:
    by_flag = postcall(*FILES, "e.jsonl", "--json", "--grace", "9s").stdout
    by_variable = postcall(*FILES, "e.jsonl", "--json", POSTCALL_GRACE="9s").stdout
    assert by_flag == by_variable != postcall(*FILES, "e.jsonl", "--json").stdout


def test_lines_are_read_in_the_order_of_arrival_and_ties_in_that_of_the_file() -> None:
    first = call().turn("a", id="x", at=1).turn("b", id="x", at=1).ended("completed", at=2)
    assert simulated(first)[0]["events"]["duplicate"] == 1
    late = call().ended("busy", at=1, arrived=50).ended("completed", at=1, arrived=10)
    assert simulated(late)[0]["reason"] == "completed"


@pytest.mark.parametrize("zone", ["Z", "+00:00", "+05:30", "-08:00"])
def test_moments_may_state_any_zone(zone: str) -> None:
    from datetime import datetime

    moved = datetime.fromisoformat(clock(5)).astimezone(
        datetime.fromisoformat(f"2026-01-01T00:00:00{zone}").tzinfo
    )
    stated = moved.isoformat().replace("+00:00", zone if zone == "Z" else "+00:00")
    story = call().answered().node("resolved").ended("end_node", at=5)
    other = Story("c1", (*story.lines[:-1], {**story.lines[-1], "occurred_at": stated}))
    assert simulated(other) == simulated(story)


# Shuffles
TOLD = {
    "proper": call().answered().node("greet").turn().node("resolved").closing().ended("caller_hangup"),
    "interrupted": call().answered().node("resolved").ended("caller_hangup"),
    "left": call().node("greet").node("resolved").node("ask").ended("inactivity"),
    "again": call().node("resolved").node("ask").node("resolved").ended("inactivity"),
    "bridged": call().answered().node("greet").says("transfer.bridged").node("resolved").ended("completed"),
    "machine": call().answered().node("resolved").says("voicemail.detected").ended("completed"),
    "two_ends": call().ringing().ended("completed").ended("busy").ended("no_answer", source="b"),
    "unanswered": call().queued().says("call.initiated").ringing().ended("cancelled"),
    "two_sources": call()
    .answered(source="a")
    .node("greet", source="b")
    .node("resolved", source="a")
    .ended("end_node"),
    "skewed": call()
    .node("greet", at=9)
    .node("resolved", at=2)
    .ended("end_node", at=10)
    .node("ask", at=30, arrived=10.5),
    "talking_on": call().node("resolved").turn("bye").ended("end_node", at=5).turn("hello?", at=9, arrived=5),
    "two_moments": call()
    .node("ask")
    .ended("completed", at=5)
    .ended("end_node", at=9)
    .node("resolved", at=10),
    "unknown": call().node("bye", node_type="end_call").ended("end_node"),
}


def arriving(story: Story, dice: random.Random) -> Story:
    """The lines in any order and with duplicates, all of them within the grace."""
    lines = [*story.lines, *dice.choices(story.lines, k=dice.randint(0, 4))]
    dice.shuffle(lines)
    return Story(
        story.call_id, tuple({**line, "_arrived_at": clock(100 + dice.random() * 2.9)} for line in lines)
    )


DOCUMENTS = (workflow(api("crm", body={"told": "{{ transcript }}", "call": "{{ call }}"})), STANDARD[1])


def judgement(story: Story) -> str:
    """Everything of a call that the order of its events must not touch, as text."""
    (shown,) = simulated(story, documents=DOCUMENTS)
    told = {key: shown[key] for key in ("verdict", "rule", "reason", "flags", "end_node_id", "synthetic")}
    counts = {key: number for key, number in shown["events"].items() if key != "duplicate"}
    ran = sorted((one["kind"], one["id"], one["result"]) for one in shown["deliveries"])
    bodies = [one["body"] for one in shown["deliveries"] if one["kind"] == "node"]
    return json.dumps([told, counts, ran, bodies])


@pytest.mark.parametrize("name", TOLD)
def test_any_order_with_duplicates_gives_the_same_verdict(name: str) -> None:
    dice = random.Random(name)
    expected = judgement(Story("c1", tuple({**line, "_arrived_at": clock(100)} for line in TOLD[name].lines)))
    assert {judgement(arriving(TOLD[name], dice)) for _ in range(100)} == {expected}


@pytest.mark.parametrize("name", TOLD)
def test_any_order_counts_every_event_once(name: str) -> None:
    dice = random.Random(name)
    for _ in range(30):
        story = arriving(TOLD[name], dice)
        counted = simulated(story)[0]["events"]
        assert sum(counted.values()) == len(story.lines)
        assert counted["duplicate"] == len(story.lines) - len(TOLD[name].lines)
