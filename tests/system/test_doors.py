"""A worker whose doors cannot be opened says so in a line, and ends."""

import socket
from pathlib import Path
from uuid import uuid4

import pytest

from tests.system.brokers import ServedBroker
from tests.system.workers import Setting


@pytest.mark.kafka
def test_a_port_that_is_taken_ends_the_worker_with_one_line(kafka: ServedBroker, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        setting = Setting(
            kafka.bootstrap, f"doors-{uuid4().hex}", tmp_path, more={"POSTCALL_WEB_PORT": str(port)}
        )

        ended = setting.run("worker")

    assert ended.returncode == 1
    assert f"found no free port {port} on 127.0.0.1" in ended.stderr
    assert "Traceback" not in ended.stderr
