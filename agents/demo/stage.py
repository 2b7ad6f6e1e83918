"""What the demo needs around it: a broker in this process, endpoints and a worker in their own.

with open_stage(settings) as stage: stage.bootstrap, stage.witness_file, stage.doors

Whatever happens in the block, no process and no file of it is left afterwards.
"""

import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agents.cli.children import POSTCALL, environment, start
from agents.cli.exits import CommandRefused
from agents.demo.broker import EmbeddedBroker
from agents.demo.documents import SECRETS, documents
from schemas.settings import Settings, variable
from schemas.wire import json_bytes

PARTITIONS: Final = 4
APP_ID: Final = "postcall-demo"
CALL_EVENTS: Final = "call-events"
CALL_OUTCOMES: Final = "call-outcomes"

_TOPICS: Final = {
    **dict.fromkeys((CALL_EVENTS, CALL_OUTCOMES, "delivery-log", "dead-letters"), PARTITIONS),
    **dict.fromkeys((f"{APP_ID}-internal", f"{APP_ID}-calls-changelog"), PARTITIONS),
    "workflows": 1,
}

DURATIONS: Final = {
    # A call whose end nobody tells is waited for less long than in production, the rest of one a bit
    # longer: this machine may have other things to do than to send events.
    "grace": "4s",
    "lost_ringing": "7s",
    "lost_live": "7s",
    "lost_after_end_node": "7s",
    "ready_deadline": "4s",
}

_OURS: Final = {
    "POSTCALL_APP_ID": APP_ID,
    "POSTCALL_EMBEDDED": "1",
    "POSTCALL_EGRESS_ALLOW": "127.0.0.1/32",
    "POSTCALL_SESSION_TIMEOUT": "6s",
    **{variable(name): text for name, text in DURATIONS.items()},
    **{f"POSTCALL_SECRET_{name}": value for name, value in SECRETS.items()},
}

_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 10.0
_LISTENING: Final = "listening on "


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that runs, from readiness to the end of the block."""

    bootstrap: str
    witness_file: Path
    """A line for each request that came to it; see agents/demo/receiver.py."""
    doors: str
    """Where /metrics, /livez and /readyz are."""
    worker: subprocess.Popen[bytes]
    worker_log: Path


@contextmanager
def open_stage(settings: Settings) -> Iterator[Stage]:
    """Start everything and end it again. Raises CommandRefused when something does not start in time."""
    until = time.monotonic() + _START_SECONDS
    with ExitStack() as owner:
        folder = Path(tempfile.mkdtemp(prefix="postcall-demo-"))
        owner.callback(shutil.rmtree, folder, ignore_errors=True)
        broker = owner.enter_context(EmbeddedBroker(_TOPICS))
        witness_file = folder / "requests.jsonl"
        endpoints = f"http://127.0.0.1:{_start_endpoints(owner, witness_file)}"
        variables = _environment(settings, broker.bootstrap, folder)
        log = folder / "worker.log"
        with log.open("wb") as stderr:
            worker = start([*POSTCALL, "worker"], variables, stdout=stderr, stderr=stderr)
        owner.callback(_end, worker)
        _apply(folder, endpoints, variables)
        doors = _wait_ready(worker, log, until)
        yield Stage(broker.bootstrap, witness_file, doors, worker, log)


def _environment(settings: Settings, bootstrap: str, folder: Path) -> Mapping[str, str]:
    """The children's settings: the defaults, whatever way the operator's own workers reach their Kafka."""
    plain = Settings.model_construct(log_level=settings.log_level, log_format=settings.log_format)
    return (
        environment(plain)
        | _OURS
        | {
            "POSTCALL_BROKER": bootstrap,
            "POSTCALL_DATA_DIR": str(folder / "data"),
            # Port 6066 may be a real worker's; who wants another asks for it.
            "POSTCALL_WEB_PORT": str(settings.web_port if "web_port" in settings.model_fields_set else 0),
            "POSTCALL_PARTITIONS": str(PARTITIONS),
        }
    )


def _start_endpoints(owner: ExitStack, witness_file: Path) -> int:
    witness_file.touch()
    command = [sys.executable, "-m", "agents.demo.endpoints", str(witness_file)]
    process = start(command, {}, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
    owner.callback(_end, process)
    assert process.stdout is not None
    owner.enter_context(process.stdout)
    line = process.stdout.readline().strip()
    if not line.isdigit():
        raise CommandRefused(f"found {line!r} from the endpoints; expected their port")
    return int(line)


def _apply(folder: Path, endpoints: str, variables: Mapping[str, str]) -> None:
    file = folder / "documents.json"
    file.write_bytes(json_bytes(documents(endpoints)))
    command = [*POSTCALL, "apply", str(file)]
    done = subprocess.run(  # noqa: S603  # our own command
        command, env=dict(variables), capture_output=True, text=True, timeout=_START_SECONDS, check=False
    )
    if done.returncode:
        raise CommandRefused("the documents were not applied:", *(done.stdout + done.stderr).splitlines())


def _wait_ready(worker: subprocess.Popen[bytes], log: Path, until: float) -> str:
    doors = ""
    while time.monotonic() < until:
        if worker.poll() is not None:
            raise CommandRefused(f"the worker ended with {worker.returncode}:", *last_lines(log))
        doors = doors or _doors(log)
        if doors and _answers(f"{doors}/readyz"):
            return doors
        time.sleep(0.1)
    raise CommandRefused(f"the worker was not ready within {_START_SECONDS:.0f} s:", *last_lines(log))


def last_lines(log: Path) -> list[str]:
    """The end of a log, for people who wonder what went wrong."""
    return log.read_text(errors="replace").splitlines()[-20:]


def _doors(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    return next((line.partition(_LISTENING)[2] for line in lines if _LISTENING in line), "")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310  # our own worker's port
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
