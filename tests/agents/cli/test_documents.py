"""Documents are put into force, shown and taken away by commands; a fault or no broker changes nothing."""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from agents.cli import apply, delete, get
from agents.cli.exits import CommandRefused, UsageRefused
from agents.connection import client_options, kafka_config
from agents.demo.broker import EmbeddedBroker
from agents.workflows_topic import write
from schemas.settings import Settings
from tests.agents.cli.test_command_line import postcall
from tests.system.brokers import ServedBroker
from tests.system.kafka_topics import create_topics

WORKFLOW = """
kind: workflow
id: support
version: {version}
name: {name}
nodes:
  - {{id: greet, type: default, start: true}}
  - {{id: resolved, type: end_call}}
edges:
  - {{source: greet, target: resolved}}
"""
AGENT = "kind: agent\nid: bot\nworkflow: support\nname: Bot\n"

Command = Callable[..., tuple[int, Any]]


@pytest.fixture
def settings() -> Iterator[Settings]:
    with EmbeddedBroker({"workflows": 1}) as broker:
        yield Settings(broker=broker.bootstrap, embedded=True)


@pytest.fixture
def applied(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """Apply texts as one file; return the exit code and the JSON that was printed."""

    def run(settings: Settings, *texts: str) -> tuple[int, Any]:
        (tmp_path / "documents.yaml").write_text("\n---\n".join(texts))
        code = apply.run([tmp_path / "documents.yaml"], as_json=True, settings=settings)
        return code, json.loads(capsys.readouterr().out)

    return run


@pytest.fixture
def shown(capsys: pytest.CaptureFixture[str]) -> Command:
    """Get something; return the exit code and the JSON that was printed."""

    def run(settings: Settings, wanted: str) -> tuple[int, Any]:
        code = get.run(wanted, as_json=True, settings=settings)
        return code, json.loads(capsys.readouterr().out)

    return run


def workflow(version: int, name: str = "Support") -> str:
    return WORKFLOW.format(version=version, name=name)


def test_what_was_applied_is_in_force(settings: Settings, applied: Command, shown: Command) -> None:
    code, said = applied(settings, workflow(1), AGENT)
    assert (code, said["ok"]) == (0, True)
    assert [(each["kind"], each["id"], each["version"], each["result"]) for each in said["applied"]] == [
        ("workflow", "support", 1, "created"),
        ("agent", "bot", None, "created"),
    ]
    assert shown(settings, "workflows")[1] == [
        {"id": "support", "name": "Support", "in_force": 1, "versions": [1]}
    ]
    assert shown(settings, "agents")[1] == [
        {"id": "bot", "name": "Bot", "workflow": "support", "webhooks": []}
    ]


def test_the_same_again_is_unchanged_and_in_force_again(
    settings: Settings, applied: Command, shown: Command
) -> None:
    applied(settings, workflow(1))
    applied(settings, workflow(2))
    code, said = applied(settings, workflow(1))
    assert (code, said["applied"][0]["result"]) == (0, "unchanged")
    assert shown(settings, "support")[1]["version"] == 1
    assert shown(settings, "support@2")[1]["version"] == 2


def test_a_record_that_workers_refuse_is_named(
    settings: Settings, applied: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    applied(settings, workflow(1))
    bad = [("workflow/bad@1", {"kind": "workflow", "id": "bad"})]
    asyncio.run(write(client_options(kafka_config(settings)), "workflows", bad))
    assert get.run("workflows", as_json=True, settings=settings) == 0
    said = capsys.readouterr()
    assert [each["id"] for each in json.loads(said.out)] == ["support"]
    assert said.err.startswith("postcall: workflow/bad@1 is not in force: ")


def test_other_content_under_a_version_is_refused_and_nothing_beside_it_is_applied(
    settings: Settings, applied: Command, shown: Command
) -> None:
    applied(settings, workflow(1))
    code, said = applied(settings, AGENT, workflow(1, name="Other"))
    assert (code, said["ok"], said["applied"]) == (1, False, [])
    assert "the next free one is 2" in said["errors"][0]["message"]
    assert said["errors"][0]["line"] == 10
    assert shown(settings, "agents")[1] == []


def test_a_document_with_a_fault_never_reaches_the_broker(applied: Command) -> None:
    nobody = Settings(broker="127.0.0.1:1")
    code, said = applied(nobody, "kind: agent\n")
    assert (code, said["ok"]) == (1, False)


def test_a_document_reads_back_as_it_was_applied(
    settings: Settings, applied: Command, shown: Command
) -> None:
    applied(settings, AGENT)
    document = {"kind": "agent", "id": "bot", "workflow": "support", "name": "Bot"}
    assert shown(settings, "bot") == (0, document)
    assert shown(settings, "agents/bot") == (0, document)


def test_a_document_is_named_as_apply_prints_it_too(
    settings: Settings, applied: Command, shown: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    applied(settings, workflow(1), workflow(2), AGENT)
    assert shown(settings, "workflow/support@1")[1]["version"] == 1
    assert shown(settings, "workflow/support")[1]["version"] == 2
    assert shown(settings, "agent/bot")[1]["id"] == "bot"
    assert delete.run("workflow/support@2", as_json=False, settings=settings) == 0
    assert delete.run("agent/bot", as_json=False, settings=settings) == 0
    said = capsys.readouterr().out
    assert said == "workflow/support@2 deleted, 1 is in force\nagent/bot deleted\n"


def test_a_deleted_version_leaves_the_one_applied_before_it(
    settings: Settings, applied: Command, shown: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    applied(settings, workflow(1), workflow(2), AGENT)
    assert delete.run("workflows/support@2", as_json=True, settings=settings) == 0
    assert json.loads(capsys.readouterr().out) == {
        "ok": True,
        "deleted": "workflow/support@2",
        "in_force": 1,
    }
    assert delete.run("agents/bot", as_json=False, settings=settings) == 0
    assert capsys.readouterr().out == "agent/bot deleted\n"
    assert shown(settings, "agents")[1] == []


def test_what_is_not_there_is_named_with_what_is(settings: Settings, applied: Command) -> None:
    applied(settings, workflow(1), workflow(3))
    with pytest.raises(CommandRefused, match=r"'support@2'; of 'support' there are the versions 1, 3"):
        get.run("support@2", as_json=True, settings=settings)
    with pytest.raises(CommandRefused, match="nothing in force under 'agents/support'"):
        delete.run("agents/support", as_json=True, settings=settings)


def test_a_name_that_fits_two_documents_must_say_which(settings: Settings, applied: Command) -> None:
    applied(settings, workflow(1), AGENT.replace("bot", "support", 1))
    with pytest.raises(UsageRefused, match="expected agents/support or workflows/support"):
        get.run("support", as_json=True, settings=settings)


@pytest.mark.parametrize(
    "unwanted", ["bot", "agents/", "workflows/support", "calls/a", "agents/a@1", "workflow/a", "agent/a@1"]
)
def test_only_one_document_is_deleted_at_a_time(unwanted: str) -> None:
    with pytest.raises(UsageRefused, match="expected agents/ID or workflows/ID@VERSION"):
        delete.run(unwanted, as_json=True, settings=Settings())


def test_without_a_broker_the_commands_end_with_3(tmp_path: Path) -> None:
    (tmp_path / "agent.yaml").write_text(AGENT)
    for words in (["apply", str(tmp_path / "agent.yaml")], ["get", "agents"], ["delete", "agents/bot"]):
        done = postcall(*words, POSTCALL_BROKER="127.0.0.1:1")
        assert done.returncode == 3
        assert done.stdout == ""
        assert done.stderr == "postcall: found no broker at 127.0.0.1:1; expected Kafka there\n"


def test_people_read_lines(settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "agent.yaml").write_text(AGENT)
    assert apply.run([tmp_path / "agent.yaml"], as_json=False, settings=settings) == 0
    said = capsys.readouterr()
    assert said.out == "agent/bot created\n"
    assert "found 'support', which was never applied" in said.err
    assert get.run("agents", as_json=False, settings=settings) == 0
    assert capsys.readouterr().out.split() == ["id", "name", "workflow", "webhooks", "bot", "Bot", "support"]


@pytest.mark.kafka
def test_topics_that_would_lose_something_stop_commands_with_a_line_for_each(
    kafka: ServedBroker, tmp_path: Path
) -> None:
    prefix = f"{uuid4().hex[:8]}."
    topics = {f"{prefix}workflows": 2, f"{prefix}call-events": 1}
    create_topics(kafka.bootstrap, topics, {"cleanup.policy": "compact"})
    own = {"BROKER": kafka.bootstrap, "TOPIC_PREFIX": prefix, "APP_ID": f"{prefix}app", "WEB_PORT": "0",
           "DATA_DIR": str(tmp_path)}  # fmt: skip
    (tmp_path / "agent.yaml").write_text(AGENT)
    for words in (["apply", str(tmp_path / "agent.yaml")], ["worker"]):
        done = postcall(*words, **{f"POSTCALL_{name}": value for name, value in own.items()})
        said = [line for line in done.stderr.splitlines() if "found" in line]
        assert done.returncode == 1, done.stderr
        assert [line.partition("; expected")[0] for line in said] == [
            f"postcall: topic '{prefix}workflows': found 2 partitions",
            f"postcall: topic '{prefix}call-events': found cleanup.policy=compact",
        ]


@pytest.mark.kafka
def test_the_first_apply_creates_the_topics(
    kafka: ServedBroker, applied: Command, shown: Command, tmp_path: Path
) -> None:
    prefix = f"{uuid4().hex[:8]}."
    settings = Settings(broker=kafka.bootstrap, topic_prefix=prefix, app_id=f"{prefix}app", partitions=2)
    assert shown(settings, "workflows") == (0, [])
    assert applied(settings, workflow(1))[0] == 0
    assert shown(settings, "workflows/support")[1]["version"] == 1
