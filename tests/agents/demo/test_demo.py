"""`postcall demo` ends by itself with a clean ledger, and leaves neither processes nor files behind."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.system.workers import POSTCALL

pytestmark = [pytest.mark.slow, pytest.mark.timeout(150)]


def start(folder: Path, *flags: str) -> subprocess.Popen[str]:
    """A demo whose temporary files go to a folder of the test."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("POSTCALL_")}
    return subprocess.Popen(
        [POSTCALL, "demo", *flags],
        env=kept | {"TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def left(folder: Path) -> list[str]:
    """What a demo left behind: its files, and processes that know the folder."""
    processes = [each for each in Path("/proc").iterdir() if each.name.isdigit() and _knows(each, folder)]
    return [each.name for each in (*folder.iterdir(), *processes)]


def _knows(process: Path, folder: Path) -> bool:
    try:
        said = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
    except OSError:
        return False
    return str(folder).encode() in said and process.name != str(os.getpid())


def test_the_demo_ends_with_a_clean_ledger_and_leaves_nothing(tmp_path: Path) -> None:
    # Settings that are meant for another broker change nothing.
    demo = start(tmp_path, "--json", "--security-protocol", "SASL_SSL", "--topic-prefix", "live.")
    out, err = demo.communicate(timeout=140)
    assert demo.returncode == 0, err
    ledger = json.loads(out)
    assert ledger["clean"]
    assert ledger["verified"]["clean"]
    assert ledger["verified"]["calls"] == {"judged": 240, "open": []}
    assert ledger["calls"]["received"] == 240
    assert ledger["attempts"] > ledger["nodes"]["received"] + ledger["webhooks"]["received"]
    assert left(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    demo = start(tmp_path)
    assert demo.stdout is not None
    next(line for line in demo.stdout if line.startswith("ready"))
    time.sleep(1)
    demo.send_signal(number)
    demo.communicate(timeout=30)
    assert demo.returncode == 130
    assert left(tmp_path) == []


def test_a_demo_whose_worker_dies_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    demo = start(tmp_path)
    assert demo.stdout is not None
    next(line for line in demo.stdout if line.startswith("ready"))
    for child in Path(f"/proc/{demo.pid}/task/{demo.pid}/children").read_text().split():
        if b"worker" in Path(f"/proc/{child}/cmdline").read_bytes():
            os.kill(int(child), signal.SIGKILL)
    _, err = demo.communicate(timeout=60)
    assert demo.returncode == 1
    assert "the worker ended by itself" in err
    assert left(tmp_path) == []
