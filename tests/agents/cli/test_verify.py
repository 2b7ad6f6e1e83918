"""`postcall verify` says in one line what it cannot work with, and ends with the code that says what kind."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

POSTCALL = str(Path(sys.executable).with_name("postcall"))


def verify(*arguments: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("POSTCALL_")}
    command = [POSTCALL, "verify", "--broker", "127.0.0.1:9", *arguments]
    return subprocess.run(command, env=clean, capture_output=True, text=True, timeout=60, check=False)


def test_no_broker_is_code_3() -> None:
    ended = verify()
    assert ended.returncode == 3
    assert ended.stderr == "postcall: found no broker at 127.0.0.1:9; expected Kafka there\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--receiver", "nowhere.jsonl"], "found no file nowhere.jsonl"),
        (["--planted", "nowhere.txt"], "found no file nowhere.txt"),
        (["--evidence", "nowhere"], "nowhere: found"),
        (["--since", "soon"], "--since: found 'soon'; expected a time"),
    ],
)
def test_what_makes_no_sense_is_code_2(arguments: list[str], says: str) -> None:
    ended = verify(*arguments)
    assert ended.returncode == 2
    assert says in ended.stderr
    assert "Traceback" not in ended.stderr


def test_evidence_of_another_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "asked.json").write_text(json.dumps({"format": 99}))
    ended = verify("--evidence", str(tmp_path))
    assert ended.returncode == 2
    assert "found format 99; expected 1" in ended.stderr
