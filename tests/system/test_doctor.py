"""`postcall doctor` finds what was broken on purpose, and says what mends it."""

import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread
from typing import Any

import orjson
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from agents.checks.finding import Finding, Level
from agents.checks.machine import look_at_machine
from agents.kafka.version import release
from schemas.settings import Settings
from tests.system.brokers import ServedBroker
from tests.system.kafka_cluster import KafkaCluster
from tests.system.kafka_jars import kafka_jars
from tests.system.kafka_process import free_ports
from tests.system.kafka_topics import create_topics, produce
from tests.system.workers import Setting

Findings = list[dict[str, Any]]

SET = {"POSTCALL_SECRET_KEY": "planted"}
COMPACTED = {"cleanup.policy": "compact"}
SMALL = {"max.message.bytes": "1048588"}


def asked(setting: Setting, *flags: str) -> tuple[int, Findings]:
    """The exit code of a doctor, and what it found."""
    done = setting.run("doctor", "--json", *flags)
    told = orjson.loads(done.stdout)
    assert told["ok"] == (done.returncode == 0)
    return done.returncode, told["findings"]


def about(findings: Findings, area: str, name: str) -> Findings:
    """What was found about one thing."""
    return [each for each in findings if (each["area"], each["about"]) == (area, name)]


@pytest.fixture(scope="module")
def broken(kafka: ServedBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Setting, int]]:
    """An installation on which everything is wrong that needs no worker; a port that speaks no TLS."""
    setting = Setting(
        kafka.bootstrap, f"doctor-{uuid.uuid4().hex[:8]}", tmp_path_factory.mktemp("doctor"), 2, more=SET
    )
    broker, prefix = setting.bootstrap, setting.prefix
    create_topics(broker, {f"{prefix}call-events": 2}, {"retention.ms": str(30 * 86_400_000)})
    create_topics(broker, {f"{setting.name}-internal": 3, f"{prefix}dead-letters": 2}, SMALL)
    create_topics(broker, {f"{setting.name}-calls-changelog": 2}, {"cleanup.policy": "delete"})
    create_topics(broker, {f"{prefix}workflows": 1}, COMPACTED)
    create_topics(broker, {f"{prefix}{name}": 2 for name in ("call-outcomes", "delivery-log")})
    _events(setting)
    with ThreadingTCPServer(("127.0.0.1", 0), Plain) as plain:
        Thread(target=plain.serve_forever, daemon=True).start()
        port = int(plain.server_address[1])
        produce(broker, f"{prefix}workflows", _documents(port))
        yield setting, port
        plain.shutdown()


class Plain(BaseRequestHandler):
    """Answers whatever it is told in plain text."""

    def handle(self) -> None:
        if self.request.recv(4096):
            self.request.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def _events(setting: Setting) -> None:
    """Events on the wrong partition, and one of a clock that is an hour ahead."""
    producer = Producer({"bootstrap.servers": setting.bootstrap})
    now = datetime.now(UTC)
    said = {"type": "call.ringing", "agent_id": "bot"}
    told = [{**said, "call_id": f"c{number}", "source": "kcat"} for number in range(40)]
    ahead = (now + timedelta(hours=1)).isoformat()
    told.append({**said, "call_id": "c41", "source": "runtime", "occurred_at": ahead})
    late = (now + timedelta(seconds=1.5)).isoformat()
    end = {
        "type": "call.ended",
        "call_id": "c42",
        "source": "telephony",
        "occurred_at": (now - timedelta(9)).isoformat(),
    }
    told += [end, {"type": "turn.completed", "call_id": "c42", "source": "turns", "occurred_at": late}]
    for event in told:
        producer.produce(f"{setting.prefix}call-events", orjson.dumps(event), event["call_id"], partition=0)
    producer.produce(f"{setting.prefix}call-events", b"{", "c1", partition=0)
    assert producer.flush(30) == 0


def _documents(port: int) -> list[tuple[bytes, bytes, list[Any]]]:
    webhooks = {
        "call.ended": {"url": f"https://127.0.0.1:{port}/x", "secret": "{{ secrets.NOBODY_SET }}"},
        "call.completed": {"url": "https://10.1.2.3/x"},
        "call.failed": {"url": "https://nothing.invalid/x"},
        "call.busy": {"url": f"http://127.0.0.1:{free_ports(1)[0]}/{{{{ call.id }}}}"},
        "call.voicemail": {
            "url": f"http://127.0.0.1:{port}/x",
            "auth": _login("https://login.invalid/token"),
        },
        "call.lost": {"url": f"http://127.0.0.1:{port}/x"},
    }
    agent = {"kind": "agent", "id": "bot", "workflow": "nobody-applied", "webhooks": webhooks}
    marks = {"endpoint/bot/call.ended": {"disabled": True, "why": "status_410"}}
    records = {"agent/bot": agent, "workflow/bad@1": {"kind": "workflow"}, **marks}
    return [(key.encode(), orjson.dumps(value), []) for key, value in records.items()]


def _login(url: str) -> dict[str, str]:
    grant = {"token_url": url, "client_id": "x", "client_secret": "{{ secrets.KEY }}"}
    return {"type": "oauth2_client_credentials", **grant}


@pytest.fixture(scope="module")
def found(broken: tuple[Setting, int]) -> Findings:
    """What the doctor finds there."""
    code, findings = asked(broken[0])
    assert code == 1
    return findings


@pytest.mark.kafka
@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("area", "name", "level", "says", "mended_by"),
    [
        ("topics", "{name}-internal", "fail", "has 3 partitions", ""),
        ("topics", "{name}-calls-changelog", "fail", "cleanup.policy=delete", "kafka-configs.sh"),
        ("topics", "{prefix}dead-letters", "fail", "max.message.bytes=1048588", "max.message.bytes=3145728"),
        ("topics", "retention of {prefix}call-events", "warn", "for 30d", "POSTCALL_REMEMBER=30d"),
        ("topics", "retention of {name}-internal", "fail", "for 7d", "retention.ms=2592000000"),
        ("broker", "copies", "warn", "1 broker", "add brokers"),
        ("workers", "{name}", "fail", "no worker", "postcall worker"),
        (
            "events",
            "partitioner of kcat",
            "warn",
            "of kcat are not on their call's partition",
            "murmur2_random",
        ),
        ("events", "unreadable", "warn", "1 of the latest", "dead-letters --reason unreadable"),
        ("clocks", "runtime", "warn", "up to 3600", "chronyc"),
        ("clocks", "turns", "warn", "1 events of turns say that they happened up to", "chronyc"),
        ("documents", "workflow/bad@1", "fail", "", "postcall apply"),
        ("documents", "agent/bot", "fail", "'nobody-applied'", "postcall apply"),
        ("secrets", "NOBODY_SET", "fail", "found no secret", "export POSTCALL_SECRET_NOBODY_SET"),
        ("endpoints", "bot/call.ended", "warn", "status_410", "postcall resume bot/call.ended"),
        ("endpoints", "https://127.0.0.1:{port}", "fail", "tls", "renew its certificate"),
        ("endpoints", "https://10.1.2.3", "fail", "egress_denied", "POSTCALL_EGRESS_ALLOW"),
        ("endpoints", "https://nothing.invalid", "fail", "dns", "correct the host"),
        ("endpoints", "https://login.invalid", "fail", "dns", "correct the host"),
        ("endpoints", "http://127.0.0.1:{port}", "ok", "connected in", ""),
    ],
)
def test_what_is_wrong_is_found_with_what_mends_it(
    area: str, name: str, level: str, says: str, mended_by: str, broken: tuple[Setting, int], found: Findings
) -> None:
    setting, port = broken
    named = name.format(name=setting.name, prefix=setting.prefix, port=port)
    (finding,) = (each for each in about(found, area, named) if says in each["found"])
    assert finding["level"] == level
    assert mended_by in finding["mend"]
    assert bool(finding["expected"]) == (level != "ok")


@pytest.mark.kafka
@pytest.mark.timeout(180)
def test_a_refused_connection_is_a_fault(found: Findings) -> None:
    refused = [each for each in found if each["found"].startswith("refused: ")]
    assert [(each["area"], each["level"]) for each in refused] == [("endpoints", "fail")]


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.timeout(240)
def test_what_a_user_may_not_do_is_named_with_the_command_that_allows_it(tmp_path: Path) -> None:
    authorizer = {
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "true",
    }
    with KafkaCluster(kafka_jars(), settings=authorizer) as cluster:
        setting = Setting(cluster.bootstrap, "walled", tmp_path, 1)
        create_topics(cluster.bootstrap, {"walled.delivery-log": 1, "walled.workflows": 1})
        admin = AdminClient({"bootstrap.servers": cluster.bootstrap})
        allowed = _acl(AclOperation.ALL, AclPermissionType.ALLOW)
        denied = _acl(AclOperation.WRITE, AclPermissionType.DENY)
        for done in admin.create_acls([allowed, denied]).values():
            done.result(30)
        until = time.monotonic() + 60  # brokers hear of the rules a little later
        while not about((told := asked(setting))[1], "rights", "topic walled.delivery-log"):
            assert time.monotonic() < until, told
    code, findings = told
    (finding,) = about(findings, "rights", "topic walled.delivery-log")
    assert (code, finding["level"]) == (1, "fail")
    assert finding["found"].startswith("user ANONYMOUS may not WRITE")
    assert "--allow-principal User:ANONYMOUS --operation Write" in finding["mend"]
    assert not about(findings, "rights", "topic walled.workflows")


def _acl(operation: AclOperation, permission: AclPermissionType) -> AclBinding:
    topic, literal = ResourceType.TOPIC, ResourcePatternType.LITERAL
    return AclBinding(topic, "walled.delivery-log", literal, "User:ANONYMOUS", "*", operation, permission)


@pytest.mark.timeout(60)
def test_without_a_broker_the_machine_is_looked_at_and_the_exit_code_is_3(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    code, findings = asked(Setting(f"127.0.0.1:{port}", "nowhere", tmp_path))
    assert code == 3
    assert about(findings, "broker", "reachable")[0]["found"] == f"no answer at 127.0.0.1:{port}"
    assert about(findings, "machine", "disk")[0]["level"] in ("ok", "warn")


@pytest.mark.timeout(60)
def test_people_get_a_line_for_each_and_the_count(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    said = Setting(f"127.0.0.1:{port}", "nowhere", tmp_path).run("doctor").stdout.splitlines()
    assert f"fail  broker: reachable: no answer at 127.0.0.1:{port}" in said
    assert said[-1].endswith("1 fault")
    assert not any("\x1b" in line for line in said)


def looked(folder: Path) -> dict[str, Finding]:
    return {each.about: each for each in look_at_machine(Settings(data_dir=folder))}


def test_a_data_directory_that_is_a_file_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    finding = looked(tmp_path / "data")["data directory"]
    assert (finding.level, finding.found) == (Level.FAIL, f"{tmp_path / 'data'}: Not a directory")


def test_a_data_directory_that_is_not_there_yet_is_made_by_a_worker(tmp_path: Path) -> None:
    finding = looked(tmp_path / "a" / "b")["data directory"]
    assert (finding.level, finding.found.endswith("which a worker makes")) == (Level.OK, True)
    assert list(tmp_path.iterdir()) == []


def test_too_few_open_files_are_warned_of_with_the_command(tmp_path: Path) -> None:
    code = "from tests.system.test_doctor import looked; from pathlib import Path; "
    code += "print(looked(Path('/'))['open files'].mend)"
    done = subprocess.run(
        ["sh", "-c", f'ulimit -n 512; exec "$0" -c "{code}"', sys.executable],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "ulimit -n 5632"


@pytest.mark.parametrize(
    ("versions", "named"),
    [({1: (4, 17)}, "4.0"), ({1: (0, 16), 75: (0, 0), 68: (0, 0)}, "3.8"), ({1: (0, 11)}, None)],
)
def test_a_release_is_known_by_what_it_can_be_asked(
    versions: dict[int, tuple[int, int]], named: str | None
) -> None:
    assert release(versions) == named
