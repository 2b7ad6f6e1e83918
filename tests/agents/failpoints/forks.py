"""The command `postcall` in processes that cost no start: forked off one that has loaded everything.

with Forks() as forks:
    worker = forks.start(environment, log, "worker")

`python -m tests.agents.failpoints.forks` is the process that forks. It reads a line of JSON for each command,
answers with its pid, writes how it ended beside its log, and takes all of them along when it ends.
"""

import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

LOOK_SECONDS = 0.02


class Forked:
    """One command that runs, or has ended."""

    def __init__(self, pid: int, log: Path) -> None:
        self.pid, self.log = pid, log

    @property
    def code(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        said = _end_of(self.log)
        return int(said.read_text()) if said.exists() else None

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        if self.code is None:
            os.kill(self.pid, number)

    def kill(self) -> float:
        """End it with -9; return when, in seconds since 1970."""
        at = time.time()
        self.send(signal.SIGKILL)
        return at


class Forks:
    """Forks commands from `with Forks() as forks:` to the end of the block, which ends them all."""

    def __enter__(self) -> Self:
        """Start the process that has loaded everything; it needs a second."""
        command = [sys.executable, "-m", __name__]
        self._server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def start(self, environment: dict[str, str], log: Path, *arguments: str) -> Forked:
        """Run `postcall` with these arguments and no other variables."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        _end_of(log).unlink(missing_ok=True)
        order = {"environment": environment, "log": str(log), "arguments": arguments}
        self._server.stdin.write(json.dumps(order) + "\n")
        self._server.stdin.flush()
        return Forked(int(self._server.stdout.readline()), log)

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the process, and it all others."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.close()
        self._server.wait(20)
        self._server.stdout.close()


def _end_of(log: Path) -> Path:
    return log.with_suffix(".code")


def serve() -> None:
    """Fork until stdin ends."""
    from agents.cli import apply, environment, flags, replay, worker

    assert all((apply, environment, flags, replay, worker))
    running: dict[int, Path] = {}
    while True:
        if select.select([sys.stdin.fileno()], [], [], LOOK_SECONDS)[0]:
            line = _line()
            if not line:
                break
            order = json.loads(line)
            pid = os.fork() or _be(order)
            running[pid] = Path(order["log"])
            os.write(1, b"%d\n" % pid)
        _reap(running)
    for pid in running:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _line() -> bytes:
    """One line, unbuffered: what a buffer holds, `select` does not see."""
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            return b""
        line += byte
    return line


def _reap(running: dict[int, Path]) -> None:
    for pid in list(running):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            said = _end_of(running.pop(pid))
            fresh = said.with_suffix(".new")
            fresh.write_text(str(os.waitstatus_to_exitcode(status)))
            fresh.replace(said)


def _be(order: dict[str, list[str] | dict[str, str] | str]) -> int:
    """Become the command; never returns."""
    log = os.open(str(order["log"]), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    null = os.open(os.devnull, os.O_RDONLY)
    for target, source in ((0, null), (1, log), (2, log)):
        os.dup2(source, target)
    os.environ.clear()
    os.environ.update(order["environment"])  # type: ignore[arg-type]  # of strings
    sys.argv = ["postcall", *order["arguments"]]
    code = 1
    try:
        from agents.cli import main

        main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve()
