"""One real Kafka broker as a plain process on the loopback address, to run and to break.

It keeps its log directory from start to start, so a broker that was killed comes back with its topics.
Time-outs are short: a broker killed with -9 is back after about five seconds instead of thirteen.
"""

import signal
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from tests.system.leash import Leash
from tests.system.tcp_proxy import TcpProxy

HOST = "127.0.0.1"
_STOP_SECONDS = 30.0

_JVM = (
    *("java", "-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
)

_SETTINGS = {
    "process.roles": "broker,controller",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "PLAINTEXT",
    "auto.create.topics.enable": "false",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "4",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    # A broker that was killed waits for its own old registration before it serves again.
    "broker.session.timeout.ms": "2000",
    "broker.heartbeat.interval.ms": "200",
    "message.max.bytes": "16777216",
    "replica.fetch.max.bytes": "16777216",
    "num.network.threads": "2",
    "num.io.threads": "2",
    "background.threads": "2",
    "num.replica.fetchers": "1",
    "log.cleaner.threads": "1",
    "log.cleaner.dedupe.buffer.size": "16777216",
    "log.segment.delete.delay.ms": "1000",
    "log.retention.check.interval.ms": "5000",
}


class BrokerNotStarted(RuntimeError):
    """A broker died or did not answer in time; the message ends with what it logged last."""


class KafkaProcess:
    """One broker process: start, stop, kill, pause; `port` serves clients, `proxy` those to be disturbed."""

    def __init__(self, jars: Path, folder: Path, number: int, proxied: bool) -> None:
        self.number = number
        self.port, self.controller_port, self.proxied_port = free_ports(3)
        self.proxy = TcpProxy((HOST, self.proxied_port)) if proxied else None
        self._classpath = f"{jars}/*"
        self._folder = folder
        self._properties = folder / "server.properties"
        self._running: subprocess.Popen[bytes] | None = None
        self._leash: Leash | None = None

    def format(self, cluster_id: str, settings: Mapping[str, str]) -> None:
        """Lay out the log directory of a broker that never ran."""
        self._folder.mkdir(parents=True, exist_ok=True)
        own = {**_SETTINGS, **settings, **self._listeners(), "log.dirs": str(self._folder / "log")}
        self._properties.write_text("".join(f"{name}={value}\n" for name, value in own.items()))
        storage = ("kafka.tools.StorageTool", "format", "-t", cluster_id, "--ignore-formatted")
        formatting = subprocess.run(
            [*_JVM, "-cp", self._classpath, *storage, "-c", str(self._properties)],
            capture_output=True,
            text=True,
            check=False,
        )
        if formatting.returncode != 0:
            raise BrokerNotStarted(
                f"broker {self.number} not formatted: {formatting.stdout}{formatting.stderr}"
            )

    def start(self) -> None:
        """Start the process; it serves a little later (`KafkaCluster.wait_ready`)."""
        with self._log_file().open("ab") as log:
            command = [*_JVM, "-cp", self._classpath, "kafka.Kafka", str(self._properties)]
            self._running = _spawn(command, log)
        self._leash = Leash(self._running.pid)

    def stop(self) -> None:
        """Ask the process to leave and wait until it is gone; kill it when it does not leave."""
        if self._running is None:
            return
        self.resume()
        self._running.terminate()
        try:
            self._running.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._running.kill()
        self._see_off()

    def kill(self) -> None:
        """End the process with -9."""
        if self._running is not None:
            self._running.kill()
            self._see_off()

    def pause(self) -> None:
        """Stop the process in its tracks (SIGSTOP); its connections stay open and silent."""
        if self._running is not None:
            self._running.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """End what `pause` began."""
        if self._running is not None:
            self._running.send_signal(signal.SIGCONT)

    def check_alive(self) -> None:
        """Raise `BrokerNotStarted`, with the end of the log, when the process is not running."""
        if self._running is None or self._running.poll() is not None:
            ended = "never started" if self._running is None else f"exit {self._running.returncode}"
            log = self._log_file().read_text(errors="replace")[-2000:] if self._log_file().exists() else ""
            raise BrokerNotStarted(f"broker {self.number} is not running ({ended}): {log}")

    def _see_off(self) -> None:
        if self._running is not None:
            self._running.wait()
        if self._leash is not None:
            self._leash.release()
            self._leash = None

    def _listeners(self) -> dict[str, str]:
        served = {"PLAINTEXT": self.port, "CONTROLLER": self.controller_port}
        announced = {"PLAINTEXT": self.port}
        if self.proxy is not None:
            served["PROXIED"], announced["PROXIED"] = self.proxied_port, self.proxy.port
        return {
            "node.id": str(self.number),
            "listeners": ",".join(f"{name}://{HOST}:{port}" for name, port in served.items()),
            "advertised.listeners": ",".join(f"{name}://{HOST}:{port}" for name, port in announced.items()),
        }

    def _log_file(self) -> Path:
        return self._folder / "broker.log"


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback address that nobody listens on."""
    sockets = [socket.create_server((HOST, 0)) for _ in range(count)]
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _spawn(command: list[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    # In a session of its own: an interrupt from the keyboard must not reach the broker before its clients.
    return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
