"""Several workers behind one port: all are ready, one that dies comes back, none outlives its parent."""

import os
import re
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agents.cli.children import environment
from schemas.settings import Settings, variable
from tests.system.brokers import ServedBroker
from tests.system.kafka_process import free_ports
from tests.system.workers import POSTCALL, Setting, page

_PATIENCE = 60.0


class Parent:
    """A `postcall worker --processes 2`."""

    def __init__(self, setting: Setting, log: Path) -> None:
        (self.port,) = free_ports(1)
        own = {"POSTCALL_WEB_PORT": str(self.port), "POSTCALL_DATA_DIR": str(setting.folder / "data")}
        with log.open("wb") as stderr:
            self.running = subprocess.Popen(
                [POSTCALL, "worker", "--processes", "2"], env=setting.environment() | own, stderr=stderr
            )
        self.log = log
        self.seen: set[int] = set()
        """The ids of all its workers so far."""

    def get(self, path: str) -> tuple[int, str]:
        return page(self.port, path)

    @property
    def ready(self) -> bool:
        return self.get("/readyz")[0] == 200

    def children(self) -> list[int]:
        """The ids of its workers that are there."""
        pid = self.running.pid
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        there = [int(word) for word in text.split()]
        self.seen.update(there)
        return there

    def wait_ready(self) -> None:
        wait_for(lambda: self.ready, self.log)


def wait_for(happened: Callable[[], bool], log: Path | None = None) -> None:
    until = time.monotonic() + _PATIENCE
    while not happened():
        assert time.monotonic() < until, log.read_text()[-3000:] if log else "it did not happen"
        time.sleep(0.1)


def gone(pid: int) -> bool:
    """Whether a process has ended; one that only waits to be reaped has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@contextmanager
def parent_of_two(bootstrap: str, folder: Path, **more: str) -> Iterator[Parent]:
    setting = Setting(bootstrap, f"two-{uuid.uuid4().hex[:8]}", folder, partitions=4, more=more)
    parent = Parent(setting, folder / "parent.log")
    try:
        yield parent
    finally:
        parent.running.kill()
        parent.running.wait()
        for child in parent.seen:
            if not gone(child):
                os.kill(child, signal.SIGKILL)


@pytest.fixture
def two(kafka: ServedBroker, tmp_path: Path) -> Iterator[Parent]:
    with parent_of_two(kafka.bootstrap, tmp_path) as parent:
        parent.wait_ready()
        yield parent


@pytest.mark.kafka
def test_the_parent_serves_the_console_and_its_workers_do_not(two: Parent) -> None:
    status, text = two.get("/")
    ports = re.findall(r"listening on http://127\.0\.0\.1:(\d+)", two.log.read_text())
    children = [int(port) for port in ports if int(port) != two.port]

    assert (status, "No call has been decided yet" in text) == (200, True)
    assert [page(port, "/")[0] for port in children] == [404, 404]
    assert [page(port, "/livez")[0] for port in children] == [200, 200]


@pytest.mark.kafka
def test_two_share_a_port_one_that_is_killed_comes_back_and_sigterm_drains_both(two: Parent) -> None:
    first, second = two.children()
    assert "postcall_ready 1.0" in two.get("/metrics")[1]
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: not two.ready)
    wait_for(lambda: two.ready, two.log)
    assert second in two.children()
    assert first not in two.children()
    assert len(two.children()) == 2

    children = two.children()
    two.running.send_signal(signal.SIGTERM)
    assert two.running.wait(_PATIENCE) == 0
    assert all(gone(child) for child in children)
    assert two.log.read_text().count("draining") == 2


@pytest.mark.kafka
def test_no_worker_outlives_a_parent_that_was_killed(two: Parent) -> None:
    children = two.children()
    two.running.kill()
    until = time.monotonic() + _PATIENCE
    while not all(map(gone, children)) and time.monotonic() < until:
        time.sleep(0.1)
    assert [child for child in children if not gone(child)] == []


def test_without_a_broker_the_parent_ends_with_3(tmp_path: Path) -> None:
    (nobody,) = free_ports(1)
    with parent_of_two(f"127.0.0.1:{nobody}", tmp_path) as parent:
        assert parent.running.wait(_PATIENCE) == 3


def test_a_child_reads_the_settings_that_its_parent_had(monkeypatch: pytest.MonkeyPatch) -> None:
    given = Settings(
        grace="250ms",
        egress_allow="10.0.0.0/8,crm.internal",
        start="2026-01-02T03:04:05Z",
        embedded=True,
        data_dir="/tmp/x",
        sasl_password="planted",
    )
    for name, value in environment(given).items():
        monkeypatch.setenv(name, value)
    assert variable("instance_id") not in environment(given)
    assert Settings() == given
