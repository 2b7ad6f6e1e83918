"""`postcall send-test` as a process of its own, and what it cost."""

import asyncio
import json
import os
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents.cli.children import POSTCALL


@dataclass(frozen=True)
class Sent:
    """How the command ended."""

    code: int
    out: str
    complaints: str
    peak: int
    """Bytes of memory that the process had at most."""

    @property
    def report(self) -> dict[str, Any]:
        """What it printed as JSON."""
        said: dict[str, Any] = json.loads(self.out)
        return said


async def send_test(*words: str, folder: Path | None = None, **variables: str) -> Sent:
    """Run the command as a shell would, with loopback opened and no POSTCALL_ variables but these."""
    return await asyncio.to_thread(_run, words, folder, variables)


def _run(words: tuple[str, ...], folder: Path | None, variables: dict[str, str]) -> Sent:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("POSTCALL_")}
    opened = {"POSTCALL_EGRESS_ALLOW": "127.0.0.0/8"}
    child = subprocess.Popen(
        [*POSTCALL, "send-test", *words],
        env=plain | opened | variables,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    # Both streams are far below what a pipe holds, so they can be read when it has ended.
    peak = 0
    while child.poll() is None:
        peak = max(peak, _peak(child.pid))
        time.sleep(0.01)
    out, complaints = child.communicate()
    return Sent(child.returncode, out.decode(), complaints.decode(), peak)


def _peak(pid: int) -> int:
    """What a process has had at most so far. Its resource usage would count what this process had when it
    forked."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0
