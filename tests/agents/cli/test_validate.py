"""`postcall validate` prints every fault of all files, as lines or as JSON, and says so in its exit code."""

import json
from pathlib import Path

import pytest

from agents.cli.validate import validate

VALID = "kind: agent\nid: bot\n"
WRONG = "kind: agent\nid: bot\ntimezone: Mars\nnme: x\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "valid.yaml").write_text(VALID)
    (tmp_path / "wrong.yaml").write_text(WRONG)
    return tmp_path


def test_valid_files_print_nothing_but_a_summary(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert validate(["valid.yaml"], as_json=False) == 0
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "postcall: 1 valid document, 0 faults, 0 warnings\n")


def test_faults_are_lines_of_data_and_warnings_are_not(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert validate(["wrong.yaml"], as_json=False) == 1
    printed = capsys.readouterr()
    assert printed.out == "wrong.yaml:3: timezone: found 'Mars'; expected a time zone such as Europe/Paris\n"
    assert "postcall: warning: wrong.yaml:4: nme: " in printed.err


def test_json_is_one_object_on_stdout_and_nothing_else(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert validate(["wrong.yaml"], as_json=True) == 1
    printed = capsys.readouterr()
    value = json.loads(printed.out)
    assert (value["ok"], printed.err) == (False, "")
    assert [(one["file"], one["line"], one["path"]) for one in value["errors"]] == [
        ("wrong.yaml", 3, "timezone")
    ]
    assert [sorted(one) for one in value["warnings"]] == [["file", "line", "message", "path"]]


def test_json_of_valid_files_is_ok(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert validate([folder / "valid.yaml"], as_json=True) == 0
    assert json.loads(capsys.readouterr().out) == {"ok": True, "errors": [], "warnings": []}


@pytest.mark.parametrize("name", ["nowhere.yaml", "."])
def test_a_file_that_cannot_be_read_is_a_fault_that_names_it(
    folder: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert validate([name, "wrong.yaml"], as_json=False) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{name}:0: document: found ")
    assert len(lines) == 2


def test_the_same_document_in_two_files_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "again.yaml").write_text(VALID)
    assert validate(["valid.yaml", "again.yaml"], as_json=False) == 1
    expected = "again.yaml:2: id: found agent/bot a second time, first in valid.yaml:1; expected it once\n"
    printed = capsys.readouterr()
    assert printed.out == expected
    assert printed.err == "postcall: 1 valid document, 1 fault, 0 warnings\n"


def test_a_file_of_gigabytes_is_not_read_to_its_end(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (folder / "huge.yaml").open("wb") as file:
        file.truncate(1 << 40)
    assert validate(["huge.yaml"], as_json=False) == 1
    assert "found over 1 MiB" in capsys.readouterr().out


HASHING = "kind: agent\nid: bot\nprivacy:\n  hash: [call.from]\n"


def test_hashes_without_a_key_are_worth_a_warning(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "hashing.yaml").write_text(HASHING)
    assert validate(["hashing.yaml"], as_json=True) == 0
    (warning,) = json.loads(capsys.readouterr().out)["warnings"]
    assert (warning["line"], warning["path"]) == (4, "privacy.hash")
    assert "POSTCALL_PRIVACY_KEY" in warning["message"]


@pytest.mark.parametrize("variable", ["POSTCALL_PRIVACY_KEY", "POSTCALL_PRIVACY_KEY_FILE"])
def test_hashes_with_a_key_are_not(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "a")
    (folder / "hashing.yaml").write_text(HASHING)
    validate(["hashing.yaml"], as_json=True)
    assert json.loads(capsys.readouterr().out)["warnings"] == []


def test_a_private_path_that_takes_nothing_away_is_a_fault_at_its_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "private.yaml").write_text("kind: agent\nid: bot\nprivacy:\n  drop:\n    - customer.email\n")
    assert validate(["private.yaml"], as_json=False) == 1
    assert capsys.readouterr().out.startswith(
        "private.yaml:5: privacy.drop[0]: found unknown root 'customer' in 'customer.email'; expected variables.c"
    )
