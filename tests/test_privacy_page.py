"""What docs/privacy.md says is what happens: its document, its commands."""

import re
import uuid
from pathlib import Path

import pytest

from tests.readme import ROOT, blocks
from tests.system.brokers import ServedBroker
from tests.system.workers import Setting
from tests.test_readme import CLEAN, shell

PAGE = (ROOT / "docs" / "privacy.md").read_text()


def block(mark: str) -> str:
    (found,) = (each.text for each in blocks(PAGE) if each.mark == mark)
    return found


def test_the_page_s_document_is_valid_and_warned_of_as_it_says(tmp_path: Path) -> None:
    (tmp_path / "private.yaml").write_text(block("file: private.yaml"))
    line, _, prints = block("run").removeprefix("$ ").partition("\n")
    assert shell(line, tmp_path, CLEAN) == (0, prints)


def test_the_page_names_no_command_that_does_not_exist() -> None:
    assert set(re.findall(r"^\$ postcall ([a-z]+)\b", PAGE, re.MULTILINE)) == {"validate", "erase"}


@pytest.mark.kafka
@pytest.mark.timeout(120)
def test_erase_says_what_it_does_not_reach(kafka: ServedBroker, tmp_path: Path) -> None:
    setting = Setting(kafka.bootstrap, f"erase-{uuid.uuid4().hex[:8]}", tmp_path, partitions=1)
    setting.apply([{"kind": "agent", "id": "bot"}])
    line = block("run: kafka").removeprefix("$ ").rstrip("\n")
    code, printed = shell(line, tmp_path, setting.environment())
    assert code == 0
    assert [
        word
        for word in ("call-events", "internal", "receivers", "backups", "in an hour")
        if word not in printed
    ] == []
