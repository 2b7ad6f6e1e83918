"""What the README shows is what happens: its commands, its documents, its producers, its tables."""

import json
import os
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer
from typer.main import get_command

from agents.cli import app
from schemas.delivery import State
from schemas.encodings.reading import read
from schemas.reasons import REASONS
from streams.explaining import telling
from streams.explaining.idle import NOT_RUN
from streams.explaining.retelling import NOT_COUNTED
from streams.explaining.words import SKIPS
from streams.validation.checking import read_all
from tests.readme import README, ROOT, Command, blocks, commands, generated, marked, tables, write_files
from tests.system.brokers import ServedBroker
from tests.system.kafka_jars import kafka_jars
from tests.system.workers import POSTCALL, Fleet, Setting

TEXT = README.read_text()
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("POSTCALL_")}
"""The environment without settings; commands are found, and what they print is in the order of printing."""
SHELL = {"PATH": f"{Path(POSTCALL).parent}{os.pathsep}{os.environ['PATH']}", "PYTHONUNBUFFERED": "1"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with every file of the README."""
    write_files(tmp_path)
    return tmp_path


def shell(line: str, folder: Path, environment: dict[str, str]) -> tuple[int, str]:
    done = subprocess.run(
        line,
        shell=True,
        cwd=folder,
        env=environment | SHELL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize("name", ["metrics", "settings"])
def test_a_generated_table_is_up_to_date(name: str) -> None:
    assert tables(TEXT)[name] == generated()[name], "run: python -m tests.readme"


@pytest.mark.parametrize("command", commands("run"), ids=lambda command: command.line)
def test_a_command_prints_what_the_readme_says(command: Command, folder: Path) -> None:
    assert shell(command.line, folder, CLEAN) == (0, command.prints)


@pytest.mark.parametrize("command", commands("run: 1"), ids=lambda command: command.line)
def test_a_command_that_finds_faults_says_so_and_exits_1(command: Command, folder: Path) -> None:
    assert shell(command.line, folder, CLEAN) == (1, command.prints)


def test_no_command_is_named_that_does_not_exist() -> None:
    named = set(re.findall(r"(?:^\$ |`|^)postcall ([a-z-]+)\b", TEXT, re.MULTILINE))
    assert {"worker", "simulate", "apply"} <= named <= set(get_command(app).commands)  # type: ignore[attr-defined]


def test_the_two_commands_of_the_first_screen_are_targets() -> None:
    targets = set(re.findall(r"^make (\w+)", TEXT, re.MULTILINE))
    assert targets == {"demo", "test"}
    assert targets <= set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize("page", [README, *sorted((ROOT / "docs").glob("*.md"))], ids=lambda page: page.name)
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    text = page.read_text()
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    paths = re.findall(r"\b((?:agents|streams|schemas|tests|deploy)/[a-z_/]+(?:\.\w+)?)", text)
    assert [each for each in links if not (page.parent / each).exists()] == []
    assert [each for each in paths if not (ROOT / each).exists()] == []


@pytest.fixture(scope="module")
def setting(kafka: ServedBroker, tmp_path_factory: pytest.TempPathFactory) -> Setting:
    """Topics of its own on the broker of the run, and the files of the README."""
    folder = tmp_path_factory.mktemp("readme")
    write_files(folder)
    name = f"readme-{uuid.uuid4().hex[:8]}"
    return Setting(kafka.bootstrap, name, folder, more={"POSTCALL_SECRET_HOOK_KEY": "planted"})


def without_logs(printed: str) -> str:
    """What a command says beside what it logs: which topics were created depends on the broker."""
    return "".join(
        line for line in printed.splitlines(keepends=True) if not re.match(r"\d{4}-\d\d-\d\dT", line)
    )


@pytest.fixture(scope="module")
def worker(setting: Setting) -> Iterator[Fleet]:
    """A worker with the documents of the README in force."""
    for command in commands("run: kafka"):
        code, printed = shell(command.line, setting.folder, setting.environment())
        assert code == 0, printed
        assert command.prints in ("", without_logs(printed))
    with Fleet(setting) as fleet:
        fleet.add()
        yield fleet


def outcome(setting: Setting, call_id: str) -> dict[str, Any]:
    """The verdict of a call, once it is there."""
    reading = {"bootstrap.servers": setting.bootstrap, "group.id": uuid.uuid4().hex, "log_level": 2}
    consumer = Consumer(reading | {"auto.offset.reset": "earliest"})
    consumer.subscribe([f"{setting.prefix}call-outcomes"])
    until = time.monotonic() + 40
    try:
        while time.monotonic() < until:
            record = consumer.poll(0.2)
            value = json.loads(record.value() or b"{}") if record and not record.error() else {}
            if value.get("call_id") == call_id and value["type"] == "call.outcome":
                return dict(value)
    finally:
        consumer.close()
    raise TimeoutError(f"no verdict of {call_id} within 40 s")


def aimed(setting: Setting, text: str) -> str:
    """A program of the README, producing to the broker and topic of the run."""
    return text.replace("127.0.0.1:9092", setting.bootstrap).replace(
        "call-events", f"{setting.prefix}call-events"
    )


@pytest.mark.kafka
@pytest.mark.timeout(180)
def test_the_python_producer_leads_to_the_verdict_that_the_readme_shows(
    setting: Setting, worker: Fleet
) -> None:
    (setting.folder / "produce.py").write_text(aimed(setting, marked("python").text))
    code, printed = shell(f"{sys.executable} produce.py", setting.folder, CLEAN)
    assert code == 0, printed
    shown = json.loads(marked("outcome: c-1").text)
    assert outcome(setting, "c-1") | {"decided_at": shown["decided_at"]} == shown
    assert outcome(setting, "c-2")["verdict"] == "PREMATURE"


@pytest.mark.kafka
@pytest.mark.timeout(180)
@pytest.mark.needs("kcat")
def test_the_kcat_line_produces_an_event(setting: Setting, worker: Fleet) -> None:
    code, printed = shell(aimed(setting, marked("kcat").text), setting.folder, CLEAN)
    assert code == 0, printed
    assert outcome(setting, "c-3")["reason"] == "no_answer"


@pytest.mark.kafka
@pytest.mark.timeout(180)
@pytest.mark.needs("javac", "mvn")
def test_the_java_producer_produces_an_event(setting: Setting, worker: Fleet) -> None:
    (setting.folder / "Produce.java").write_text(aimed(setting, marked("java").text))
    code, printed = shell(f"java -cp '{kafka_jars()}/*' Produce.java", setting.folder, CLEAN)
    assert code == 0, printed
    assert outcome(setting, "c-4")["reason"] == "busy"


REPLAY = ROOT / "docs" / "replay.md"


@pytest.mark.kafka
@pytest.mark.timeout(180)
@pytest.mark.parametrize(("code", "mark"), [(0, "run: kafka"), (1, "run: kafka 1")], ids=["done", "refused"])
def test_the_commands_about_dead_letters_do_what_their_page_says(
    setting: Setting, worker: Fleet, code: int, mark: str
) -> None:
    for command in commands(mark, REPLAY):
        ended, printed = shell(command.line, setting.folder, setting.environment())
        assert (ended, without_logs(printed)) == (code, command.prints or without_logs(printed)), command.line


WHY = ROOT / "docs" / "why.md"


@pytest.mark.kafka
@pytest.mark.timeout(180)
def test_a_call_is_explained_as_the_page_shows(setting: Setting, worker: Fleet) -> None:
    (setting.folder / "produce.py").write_text(aimed(setting, marked("python").text))
    assert shell(f"{sys.executable} produce.py", setting.folder, CLEAN)[0] == 0
    outcome(setting, "c-2")
    (command,) = commands("run: kafka why", WHY)
    code, printed = shell(command.line, setting.folder, setting.environment())
    assert code == 0, printed
    lines = printed.splitlines()
    for shown in command.prints.splitlines():
        like = re.escape(shown).replace("…", ".*")
        assert any(re.fullmatch(like, line) for line in lines), f"{shown}\n\n{printed}"


@pytest.mark.kafka
@pytest.mark.timeout(180)
def test_the_doctor_is_asked_as_its_page_shows(setting: Setting, worker: Fleet) -> None:
    (command,) = commands("run: kafka 1", WHY)
    code, printed = shell(command.line, setting.folder, setting.environment())
    rows = re.findall(r"^\| (`.*?) \|", WHY.read_text().partition("| area |")[2], re.MULTILINE)
    areas = set(re.findall(r"`(\w+)`", "".join(rows)))
    assert code == 1, "nobody answers at example.com's endpoints, and the CRM has no token"
    assert {each["area"] for each in json.loads(printed)["findings"]} == areas


def test_every_state_and_count_is_in_the_page() -> None:
    named = set(re.findall(r"`(\w+)`", WHY.read_text()))
    assert {*State, NOT_RUN, *SKIPS, "applied", "duplicate", "ignored", "late", NOT_COUNTED} <= named
    assert {
        telling.OPEN,
        telling.DECIDED,
        telling.RESTING,
        telling.SETTLED,
        telling.ERASED,
        telling.FORGOTTEN,
    } <= named


def of_docs(page: str, mark: str) -> list[str]:
    """The blocks of a page of the documentation with this mark."""
    return [block.text for block in blocks((ROOT / "docs" / page).read_text()) if block.mark == mark]


def test_the_documents_in_the_documentation_are_valid() -> None:
    documents = of_docs("workflows.md", "valid")
    reading = read_all((f"{number}.yaml", text.encode()) for number, text in enumerate(documents))
    assert len(reading.documents) == len(documents) == 2
    assert (reading.errors, reading.warnings) == ((), ())


@pytest.mark.parametrize("text", of_docs("events.md", "event"))
def test_the_events_in_the_documentation_are_read(text: str) -> None:
    event = read(text.encode(), (), datetime(2026, 1, 2, tzinfo=UTC), b"c-1047")
    assert (event.type, event.call_id, event.agent_id) == ("call.ended", "c-1047", "support-bot")


def test_every_reason_in_the_documentation_is_canonical() -> None:
    text = (ROOT / "docs" / "events.md").read_text().partition("## Reasons")[2].partition("Most")[0]
    assert set(re.findall(r"`([a-z_]+)`", text)) == REASONS - {"lost"}
