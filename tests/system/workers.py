"""Workers as an operator runs them: `postcall worker` processes, to start, break and measure."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.system.documents import SECRET_NAME, SECRET_VALUE, SIGNING_SECRET
from tests.system.kafka_process import free_ports
from tests.system.leash import Leash

POSTCALL = str(Path(sys.executable).with_name("postcall"))
_READY_SECONDS = 60.0
_STOP_SECONDS = 40.0

QUICK = {
    "POSTCALL_SESSION_TIMEOUT": "6s",
    "POSTCALL_LOST_RINGING": "8s",
    "POSTCALL_LOST_LIVE": "8s",
    "POSTCALL_LOST_AFTER_END_NODE": "8s",
    "POSTCALL_READY_DEADLINE": "6s",
    "POSTCALL_STANDBY": "0",
}
"""Settings under which a test has not to wait for what takes minutes in production."""


class WorkerNotReady(RuntimeError):
    """A worker ended or did not become ready in time; the message ends with what it logged last."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What all workers of a run share."""

    bootstrap: str
    name: str
    """App id, and prefix of the topics: `<name>.`"""
    folder: Path
    """Where data directories and logs are."""
    partitions: int = 8
    more: Mapping[str, str] = field(default_factory=dict)
    """Further variables of the environment."""

    @property
    def prefix(self) -> str:
        """What stands before the names of the topics."""
        return f"{self.name}."

    def environment(self) -> dict[str, str]:
        """Return the environment of the commands of this run; nothing of this process's own settings."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("POSTCALL_")}
        return {
            **kept,
            **QUICK,
            "POSTCALL_BROKER": self.bootstrap,
            "POSTCALL_APP_ID": self.name,
            "POSTCALL_TOPIC_PREFIX": self.prefix,
            "POSTCALL_PARTITIONS": str(self.partitions),
            "POSTCALL_EGRESS_ALLOW": "127.0.0.0/8",
            f"POSTCALL_SECRET_{SECRET_NAME}": SECRET_VALUE,
            **self.more,
        }

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a `postcall` command to its end."""
        return subprocess.run(
            [POSTCALL, *arguments],
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def apply(self, documents: list[dict[str, Any]]) -> None:
        """Publish documents with `postcall apply`."""
        files = []
        for document in documents:
            files.append(self.folder / f"{document['kind']}-{document['id']}.json")
            files[-1].write_text(json.dumps(document))
        applied = self.run("apply", *map(str, files))
        if applied.returncode != 0:
            raise RuntimeError(
                f"postcall apply exited {applied.returncode}: {applied.stdout}{applied.stderr}"
            )


def page(port: int, path: str, seconds: float = 5.0) -> tuple[int, str]:
    """Return the status and text of a page of a local port; status 0 when nobody answers so soon."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=seconds) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as answer:
        with answer:
            return answer.code, answer.read().decode()
    except (OSError, HTTPException):
        return 0, ""


class Worker:
    """One `postcall worker`, with a data directory that it keeps from start to start.

    `own` are variables of its own environment; `around` is a command that starts the worker's as its last words.
    """

    def __init__(
        self, setting: Setting, number: int, own: Mapping[str, str] | None = None, around: Sequence[str] = ()
    ) -> None:
        self.name = f"worker-{number}"
        self.log = setting.folder / f"{self.name}.log"
        self.scraped: dict[str, float] = {}
        """The last `/metrics` that it answered."""
        self.folder = Path((own or {}).get("POSTCALL_DATA_DIR", setting.folder / self.name))
        """Its data directory."""
        self._setting, self._own, self._around = setting, dict(own or {}), tuple(around)
        self._running: subprocess.Popen[bytes] | None = None
        self._leash: Leash | None = None
        self._port = 0

    @property
    def pid(self) -> int:
        """The process that was started last."""
        assert self._running is not None
        return self._running.pid

    @property
    def port(self) -> int:
        """Where its doors are."""
        return self._port

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._running is not None and self._running.poll() is None

    def start(self, **more: str) -> None:
        """Start the process, with more variables for this time; it is ready a little later (`wait_ready`)."""
        (self._port,) = free_ports(1)
        own = {
            "POSTCALL_WEB_PORT": str(self._port),
            "POSTCALL_DATA_DIR": str(self.folder),
            f"POSTCALL_SECRET_{SIGNING_SECRET}": self.name,
            **self._own,
        }
        with self.log.open("ab") as log:
            self._running = subprocess.Popen(
                [*self._around, POSTCALL, "worker"],
                env=self._setting.environment() | own | more,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._leash = Leash(self._running.pid)

    def wait_ready(self, seconds: float = _READY_SECONDS) -> None:
        """Wait until `/readyz` answers 200."""
        until = time.monotonic() + seconds
        while self.get("/readyz")[0] != 200:
            if not self.running:
                raise WorkerNotReady(f"{self.name} ended by itself: {self._end_of_log()}")
            if time.monotonic() > until:
                raise WorkerNotReady(f"{self.name} not ready within {seconds} s: {self._end_of_log()}")
            time.sleep(0.1)

    def get(self, path: str) -> tuple[int, str]:
        """Return the status and text of a page of its port; status 0 when nobody answers."""
        return page(self._port, path)

    def scrape(self) -> dict[str, float]:
        """Return its metrics now, by series with labels, and keep them as `scraped`."""
        status, text = self.get("/metrics")
        if status == 200:
            lines = (line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#"))
            self.scraped = {series: float(value) for series, _, value in lines}
        return self.scraped

    def terminate(self) -> None:
        """Send SIGTERM."""
        self._signal(signal.SIGTERM)

    def wait(self, seconds: float = _STOP_SECONDS) -> int:
        """Wait until the process has ended; return its exit code."""
        assert self._running is not None
        code = self._running.wait(seconds)
        if self._leash is not None:
            self._leash.release()
            self._leash = None
        return code

    def kill(self) -> float:
        """End the process with -9; return when, in seconds since 1970."""
        at = time.time()
        self._signal(signal.SIGKILL)
        self.wait()
        return at

    def pause(self) -> None:
        """Stop the process in its tracks (SIGSTOP)."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """End what `pause` began."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self._running is not None and self.running:
            self._running.send_signal(number)

    def _end_of_log(self) -> str:
        return self.log.read_text(errors="replace")[-3000:] if self.log.exists() else "no log"


class Fleet:
    """The workers of a run: `with Fleet(setting) as fleet: fleet.add()`; none outlives the block."""

    def __init__(self, setting: Setting) -> None:
        self.workers: list[Worker] = []
        self.kills: list[float] = []
        """When workers were ended with -9 or frozen, seconds since 1970."""
        self._setting = setting

    def __enter__(self) -> Self:
        """Begin with no worker."""
        return self

    def add(
        self, count: int = 1, own: Mapping[str, str] | None = None, around: Sequence[str] = ()
    ) -> list[Worker]:
        """Start more workers; return them when all are ready. `own` and `around` are as a Worker's."""
        numbers = range(len(self.workers) + 1, len(self.workers) + count + 1)
        joining = [Worker(self._setting, number, own, around) for number in numbers]
        self.workers += joining
        for worker in joining:
            worker.start()
        for worker in joining:
            worker.wait_ready()
        return joining

    def enlist(self, **more: str) -> Worker:
        """Start one more worker, with more variables for this time, and do not wait until it is ready."""
        self.workers.append(Worker(self._setting, len(self.workers) + 1))
        self.workers[-1].start(**more)
        return self.workers[-1]

    def kill(self, worker: Worker) -> None:
        """End a worker with -9 and start it again on the same data directory."""
        self.kills.append(worker.kill())
        worker.start()

    def freeze(self, worker: Worker, seconds: float) -> None:
        """Stop a worker in its tracks and let it go on; one that then gives up is started again.

        Counted with the kills: others take over what it had in flight.
        """
        self.kills.append(time.time())
        worker.pause()
        time.sleep(seconds)
        worker.resume()
        time.sleep(2)
        if not worker.running:
            worker.start()

    def restart(self, worker: Worker) -> int:
        """Ask a worker to leave, wait, and start it again; return the exit code."""
        worker.terminate()
        code = worker.wait()
        worker.start()
        return code

    def scrape(self) -> list[dict[str, float]]:
        """Return the metrics of every worker that is there now."""
        return [worker.scrape() for worker in self.workers if worker.running]

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ask all workers to leave; kill those that do not."""
        for worker in self.workers:
            worker.resume()
            worker.terminate()
        for worker in self.workers:
            try:
                worker.wait()
            except subprocess.TimeoutExpired:
                worker.kill()
