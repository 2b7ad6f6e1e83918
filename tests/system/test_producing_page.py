"""Every producer of docs/producing.md puts its event on its call's partition, and a worker can read it."""

import shlex
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from schemas.adapters.platforms import PLATFORMS
from schemas.encodings.reading import read
from schemas.events import Event
from streams.topology import home
from tests.builders import START
from tests.readme import ROOT, blocks, commands, write_files
from tests.system.brokers import ServedBroker
from tests.system.kafka_jars import kafka_jars
from tests.system.kafka_topics import create_topics
from tests.system.node_packages import node_packages
from tests.system.topic_values import written
from tests.system.workers import POSTCALL, Setting

PAGE = ROOT / "docs" / "producing.md"
FRANZ_GO = "github.com/twmb/franz-go/pkg/kgo@v1.22.3"
KAFKAJS = "kafkajs@2.2.4"


@pytest.fixture(scope="module")
def setting(kafka: ServedBroker, tmp_path_factory: pytest.TempPathFactory) -> Setting:
    """A topic of its own, and the files of the page and of the README, aimed at it."""
    name = f"page-{uuid.uuid4().hex[:8]}"
    setting = Setting(kafka.bootstrap, name, tmp_path_factory.mktemp("page"))
    create_topics(kafka.bootstrap, {f"{name}.call-events": 8}, copies=1)
    write_files(setting.folder)
    for block in blocks(PAGE.read_text()):
        if block.mark.startswith("file: "):
            (setting.folder / block.mark.removeprefix("file: ")).write_text(aimed(setting, block.text))
    return setting


def aimed(setting: Setting, text: str) -> str:
    return text.replace("127.0.0.1:9092", setting.bootstrap).replace(
        "call-events", f"{setting.prefix}call-events"
    )


def run(setting: Setting, line: str, seconds: float = 60) -> str:
    """Run a line of a shell in the folder of the page; what it printed."""
    done = subprocess.run(
        line,
        shell=True,
        cwd=setting.folder,
        env=setting.environment() | {"PATH": f"{Path(POSTCALL).parent}:{setting.environment()['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def landed(setting: Setting, call_id: str) -> Event:
    """The call's one event, which is where a worker looks for it."""
    found = [
        each
        for each in written(setting.bootstrap, f"{setting.prefix}call-events")
        if each.key == call_id.encode()
    ]
    (record,) = found
    assert record.partition == home(call_id, 8)
    event = read(record.value, record.headers, START, record.key)
    assert event.call_id == call_id
    return event


@pytest.mark.kafka
@pytest.mark.needs("kcat")
def test_kcat(setting: Setting) -> None:
    (block,) = (block for block in blocks(PAGE.read_text()) if block.mark == "kcat")
    run(setting, aimed(setting, block.text))
    assert landed(setting, "c-11").data == {"reason": "no-answer"}


@pytest.mark.kafka
@pytest.mark.parametrize(
    ("file", "call_id"), [("produce_aiokafka.py", "c-12"), ("produce_confluent.py", "c-13")]
)
def test_python(setting: Setting, file: str, call_id: str) -> None:
    run(setting, f"{shlex.quote(sys.executable)} {file}")
    assert landed(setting, call_id).type == "call.ended"


@pytest.mark.kafka
@pytest.mark.needs("javac", "mvn")
def test_java(setting: Setting) -> None:
    run(setting, f"java -cp '{kafka_jars()}/*' Produce.java")
    assert landed(setting, "c-14").type == "call.ended"


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.needs("go")
def test_go(setting: Setting) -> None:
    run(setting, f"go mod init produce && go get {FRANZ_GO} && go run .", 380)
    assert landed(setting, "c-15").type == "call.ended"


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.needs("node", "npm")
def test_node(setting: Setting) -> None:
    modules = node_packages(KAFKAJS) / "node_modules"
    run(setting, f"NODE_PATH={shlex.quote(str(modules))} node produce.js")
    assert landed(setting, "c-16").type == "call.ended"


@pytest.mark.kafka
def test_the_command_line(setting: Setting) -> None:
    for command in commands("run: kafka", PAGE):
        run(setting, command.line)
    for command in commands("run: kafka 1", PAGE):
        with pytest.raises(AssertionError, match=r"data\.node_id: found a whole number; expected a string"):
            run(setting, command.line)


def test_payloads_are_adapted_as_the_page_shows(tmp_path: Path) -> None:
    (block,) = (block for block in blocks(PAGE.read_text()) if block.mark == "file: retell.jsonl")
    (tmp_path / "retell.jsonl").write_text(block.text)
    (command,) = commands("run: 1", PAGE)
    words = command.line.split()
    done = subprocess.run(
        [POSTCALL, *words[1:]], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (1, command.prints)


def test_every_platform_is_in_the_page() -> None:
    assert [platform for platform in PLATFORMS if platform not in PAGE.read_text().lower()] == []
