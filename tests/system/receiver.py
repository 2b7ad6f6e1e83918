"""The receiver in a process of its own, so that nothing that happens to a worker or a test touches it.

`python -m tests.system.receiver --port 0 --log FILE [--script FILE]` prints its port and serves until it
gets SIGTERM.
"""

import argparse
import asyncio
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from agents.demo.receiver import Receiver, Request, Script
from tests.system.leash import Leash

_START_SECONDS = 15.0


class ReceiverProcess:
    """`with ReceiverProcess(folder, script) as receiver: receiver.url`; `requests()` reads its file."""

    def __init__(self, folder: Path, script: Script | None = None) -> None:
        self.log = folder / "requests.jsonl"
        self._script = folder / "script.json"
        self.behave(script or Script())
        self._running: subprocess.Popen[str] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """Where it listens, without a path."""
        return f"http://127.0.0.1:{self.port}"

    def behave(self, script: Script) -> None:
        """Change how it answers; it follows within a fifth of a second."""
        fresh = self._script.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(script))
        fresh.replace(self._script)

    def requests(self) -> list[Request]:
        """Return every request so far, in the order of arrival."""
        return read_requests(self.log)

    def __enter__(self) -> Self:
        """Start the process; return when it listens."""
        files = ["--log", str(self.log), "--script", str(self._script)]
        command = [sys.executable, "-m", "tests.system.receiver", "--port", str(self.port), *files]
        self._running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
        self._leash = Leash(self._running.pid)
        assert self._running.stdout is not None
        line = self._running.stdout.readline()
        if not line.strip().isdigit():
            raise RuntimeError(f"the receiver printed {line!r} instead of its port")
        self.port = int(line)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the process; its file stays."""
        if self._running is not None:
            self._running.terminate()
            self._running.wait(_START_SECONDS)
            self._leash.release()
            assert self._running.stdout is not None
            self._running.stdout.close()


def read_requests(log: Path) -> list[Request]:
    """Return the requests of a receiver's file; a last line still being written is left out."""
    if not log.exists():
        return []
    lines = log.read_bytes().split(b"\n")[:-1]
    return [msgspec.json.decode(line, type=Request) for line in lines]


async def serve(log: Path, script: Path | None, port: int) -> None:
    """Serve until SIGTERM or an interrupt, after printing the port."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with Receiver(log, script, port) as receiver:
        print(receiver.port, flush=True)
        await stopping.wait()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--log", type=Path, required=True, help="a JSON line for each request is added to it")
    parser.add_argument("--script", type=Path, help="how to answer; read again when it changes")
    chosen = parser.parse_args()
    asyncio.run(serve(chosen.log, chosen.script, chosen.port))


if __name__ == "__main__":
    main()
