"""`postcall adapt` prints events on stdout, what it could not map on stderr, and ends with the right code."""

import json
import subprocess
from pathlib import Path

import pytest

from agents.cli.adapt import payloads
from tests.system.workers import POSTCALL

STARTED = {
    "event": "call_started",
    "call": {"call_id": "c-1", "agent_id": "bot", "start_timestamp": 1714608475945},
}
OVER = {"event": "call_ended", "call": {"call_id": "c-1", "disconnection_reason": "moon_was_full"}}
STRANGE = {"event": "call_paused", "call": {"call_id": "c-1"}}
PASSED = {"event": "transcript_updated", "call": {"call_id": "c-1"}}


def adapt(text: str, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [POSTCALL, "adapt", *words], input=text, capture_output=True, text=True, timeout=30, check=False
    )


def test_events_go_to_stdout_and_what_was_not_mapped_to_stderr_counted() -> None:
    done = adapt(
        "\n".join(map(json.dumps, (STARTED, PASSED, OVER, STRANGE, [], {"event": "call_started"}))),
        "--from",
        "retell",
    )
    assert [json.loads(line)["type"] for line in done.stdout.splitlines()] == [
        "conversation.started",
        "call.ended",
    ]
    assert done.stderr.splitlines() == [
        (
            "postcall: payload 3: found the reason 'moon_was_full'; expected one that the table of retell maps: "
            "it is taken for unknown"
        ),
        "postcall: payload 4: found event='call_paused'; expected a payload that the table of retell has",
        "postcall: payload 5: found no call/call_id; expected the call's id there",
        "postcall: 5 payloads: 2 events, 1 passed over, 1 unknown, 1 reasons unmapped, 1 unreadable",
    ]
    assert done.returncode == 1


def test_when_everything_is_mapped_it_ends_with_0(tmp_path: Path) -> None:
    file = tmp_path / "payloads.jsonl"
    file.write_text(json.dumps(STARTED) + "\n\n" + json.dumps(PASSED) + "\n")
    done = adapt("", "--from", "retell", str(file))
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 1)


def test_as_json_it_is_one_value_with_everything_in_it() -> None:
    done = adapt(json.dumps(STRANGE), "--from", "retell", "--json")
    said = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (1, "")
    assert said == {
        "events": [],
        "payloads": 1,
        "passed_over": 0,
        "unknown": 1,
        "unmapped_reasons": 0,
        "unreadable": 0,
        "faults": [
            {
                "payload": 1,
                "message": "found event='call_paused'; expected a payload that the table of retell has",
            }
        ],
    }


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--from", "nokia"), 2, "--from: found 'nokia'; expected one of atoms, elevenlabs, livekit"),
        (
            ("--from", "vapi", "no-such-file"),
            1,
            "no-such-file: found no such file or directory; expected a file",
        ),
        ((), 2, "Missing option '--from'"),
    ],
)
def test_what_makes_no_sense_is_refused(words: tuple[str, ...], code: int, said: str) -> None:
    done = adapt("", *words)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", []),
        (b'{"a": 1}\n{"a": 2}\n', [b'{"a": 1}\n', b'{"a": 2}\n']),
        (b'[{"a": 1}, {"a": 2}]\n', [{"a": 1}, {"a": 2}]),
        (b'{\n "a": 1\n}\n', [b'{\n "a": 1\n}\n']),
        (b'[\n {"a": 1},\n {"a": 2}\n]\n', [{"a": 1}, {"a": 2}]),
        (b"A=1&B=2\nA=3\n", [b"A=1&B=2\n", b"A=3\n"]),
        (b'{"a": 1}\n{"a": \n', [b'{"a": 1}\n', b'{"a": \n']),
        (b'{"a": \n', [b'{"a": \n']),
    ],
)
def test_payloads_are_lines_or_one_value(text: bytes, expected: list[object]) -> None:
    assert list(payloads(text.splitlines(keepends=True))) == expected
