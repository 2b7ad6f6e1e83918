"""Events a second of `postcall simulate`, as a user runs it: start-up, reading, playing, printing.

    python -m tests.bench.simulate [CALLS] [EVENTS_FILE]

The calls are those of a customer support: six in ten end properly, three Post Call API nodes and a webhook
run then. The memory is that of all processes together, shared pages counted once. Beside the figures stands
how long a fixed piece of arithmetic takes here and now: on a busy machine compare ratios, not seconds.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

ROUNDS = 5
PROPER = 0.6
EXAMPLE = Path("deploy/examples/customer-support.yaml")
IDLE = 0.52
"""Seconds of the arithmetic on the machine that the targets were set for."""


class Round(NamedTuple):
    """One run of the command."""

    events_per_second: float
    peak: int
    """Bytes."""


def main() -> None:
    """Make a file, simulate it a few times, print the figures."""
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    with tempfile.TemporaryDirectory() as folder:
        file = Path(sys.argv[2]) if len(sys.argv) > 2 else _written(Path(folder) / "events.jsonl", calls)
        content = file.read_bytes()
        events = sum(1 for line in content.splitlines() if line.strip())
        print(f"{events} events, {len(content) / 1e6:.1f} MB, {os.cpu_count()} cores")
        slowdown = _arithmetic() / IDLE
        rounds = [_simulated(file, events) for _ in range(ROUNDS)]
    speeds = sorted(one.events_per_second for one in rounds)
    print(f"events/s: min {speeds[0]:,.0f}, median {median(speeds):,.0f}, max {speeds[-1]:,.0f}")
    allowed = 200e6 + 5 * len(content)
    print(f"memory: {max(one.peak for one in rounds) / 1e6:.0f} MB of {allowed / 1e6:.0f} MB")
    print(f"calibration: arithmetic took {slowdown:.2f} x its time on an idle machine of the target")


def _arithmetic() -> float:
    began = time.process_time()
    sum(number * number for number in range(10**7))
    return time.process_time() - began


def _simulated(file: Path, events: int) -> Round:
    command = [sys.executable, "-c", "from agents.cli import main; main()", "simulate", str(EXAMPLE)]
    began, peak = time.perf_counter(), 0
    running = subprocess.Popen([*command, "--events", str(file), "--json"], stdout=subprocess.DEVNULL)
    while running.poll() is None:
        peak = max(peak, _memory(running.pid))
        time.sleep(0.02)
    if running.returncode:
        raise SystemExit(running.returncode)
    return Round(events / (time.perf_counter() - began), peak)


def _memory(pid: int) -> int:
    """What a process and those it started hold, in bytes; 0 where the system does not tell."""
    total = 0
    with suppress(OSError):
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        total += sum(int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss:"))
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        total += sum(_memory(int(child)) for child in children)
    return total


def _written(file: Path, calls: int) -> Path:
    """An events file of calls that overlap, each event at its time."""
    luck = random.Random(1)
    lines = [line for number in range(calls) for line in _call(number, luck.random() < PROPER)]
    file.write_text("".join(f"{json.dumps(event)}\n" for _, event in sorted(lines, key=lambda one: one[0])))
    return file


def _call(number: int, proper: bool) -> Iterator[tuple[datetime, dict[str, Any]]]:
    told: list[tuple[str, dict[str, Any]]] = [
        ("call.initiated", {"from": "+1555", "to": "+1666"}),
        ("call.answered", {}),
        ("conversation.started", {}),
        ("node.entered", {"node_id": "greet", "node_type": "default"}),
        ("turn.completed", {"role": "assistant", "content": "Hello, how can I help you today?"}),
        ("turn.completed", {"role": "user", "content": "My order has not arrived yet."}),
        ("variables.updated", {"variables": {"contact_id": number, "email": "a@example.com", "name": "Ann"}}),
        ("node.entered", {"node_id": "resolved" if proper else "answer"}),
        ("call.ended", {"reason": "end_node" if proper else "caller_hangup", "duration_seconds": 42}),
        ("analytics.completed", {"summary": "An order is late.", "disposition": "resolved"}),
    ]
    began = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(milliseconds=50 * number)
    for seq, (kind, data) in enumerate(told, start=1):
        at = began + timedelta(seconds=3 * seq)
        call_id = f"call-{number:06d}"
        envelope = {"id": f"{call_id}-{seq}", "type": kind, "call_id": call_id, "agent_id": "support-bot"}
        yield at, {**envelope, "source": "orch", "seq": seq, "occurred_at": at.isoformat(), "data": data}


if __name__ == "__main__":
    main()
