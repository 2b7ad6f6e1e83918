"""The command line is quick, answers on the right stream, and ends with the codes that scripts rely on."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agents.cli.environment import read_settings, unknown_variables
from agents.cli.exits import SettingsRefused
from schemas.settings import Settings, flag, variable


def postcall(*words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run the command as a shell would, with no POSTCALL_ variables but these."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("POSTCALL_")}
    command = [sys.executable, "-c", "from agents.cli import main; main()", *words]
    return subprocess.run(
        command, env=plain | variables, capture_output=True, text=True, timeout=30, check=False
    )


def test_every_command_is_listed() -> None:
    shown = postcall("--help").stdout
    first = ("worker", "demo", "validate", "simulate", "apply", "get", "delete", "config")
    for command in (*first, "bench", "erase", "dead-letters", "replay", "resume"):
        assert f"  {command} " in shown


@pytest.mark.parametrize("command", ["--help", "validate --help", "bench lanes --help", "--version"])
def test_help_loads_neither_faust_nor_kafka_nor_the_settings(command: str) -> None:
    probe = (
        "import sys; from agents.cli import app; "
        "\ntry: app(sys.argv[1:])\nexcept SystemExit: pass\n"
        "print([m for m in ('faust', 'aiokafka', 'pydantic_settings', 'httpx', 'aiohttp') if m in sys.modules])"
    )
    run = [sys.executable, "-c", probe, *command.split()]
    done = subprocess.run(run, capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_documents_of_plain_templates_load_neither_the_engine_nor_the_jsonpath_library() -> None:
    probe = (
        "import sys; from agents.cli import app; "
        "\ntry: app(sys.argv[1:])\nexcept SystemExit: pass\n"
        "print([m for m in ('liquid', 'jsonpath', 'rich.console') if m in sys.modules])"
    )
    run = [sys.executable, "-c", probe, "validate", "deploy/examples/customer-support.yaml"]
    done = subprocess.run(run, capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_config_prints_every_setting_as_json() -> None:
    shown = json.loads(postcall("config", "--json", POSTCALL_LOST_LIVE="1h").stdout)
    assert set(shown) == {variable(field) for field in Settings.model_fields}
    assert shown["POSTCALL_LOST_LIVE"] == "1h"
    assert shown["POSTCALL_WEB_TOKEN"] == "not set"


def test_config_shows_people_a_table_without_colours_or_secrets() -> None:
    done = postcall("config", POSTCALL_WEB_TOKEN="hunter2")
    token = next(line for line in done.stdout.splitlines() if line.startswith("POSTCALL_WEB_TOKEN"))
    assert token.split()[1] == "set"
    assert "hunter2" not in done.stdout + done.stderr
    assert "\x1b" not in done.stdout


def test_a_flag_overrides_its_variable() -> None:
    done = postcall("config", "--json", "--web-port", "0", "--no-embedded", POSTCALL_WEB_PORT="1")
    assert json.loads(done.stdout)["POSTCALL_WEB_PORT"] == 0


def test_every_setting_is_a_flag_of_the_worker() -> None:
    shown = postcall("worker", "--help").stdout
    assert [field for field in Settings.model_fields if flag(field) not in shown] == []


def test_all_bad_settings_are_named_at_once_with_what_was_expected() -> None:
    done = postcall("config", "--slots", "0", POSTCALL_GRACE="3 parsecs", POSTCALL_LOG_LEVEL="loud")
    assert done.returncode == 2
    assert done.stdout == ""
    assert sorted(done.stderr.splitlines()) == [
        "postcall: --slots: found '0'; expected at least 1",
        "postcall: POSTCALL_GRACE: found '3 parsecs'; expected a duration such as 250ms, 3s, 5m, 2h or 7d",
        "postcall: POSTCALL_LOG_LEVEL: found 'loud'; expected one of 'debug', 'info', 'warning', 'error'",
    ]


def test_an_unknown_flag_is_a_usage_error() -> None:
    assert postcall("config", "--grase", "3s").returncode == 2


def test_a_misspelt_variable_is_warned_about_with_the_nearest_name() -> None:
    done = postcall(
        "config",
        "--json",
        POSTCALL_GRASE="3s",
        POSTCALL_SECRET_CRM="x",
        POSTCALL_HOSTS_OF_CRM="x",
        POSTCALL_TEST_BROKER="x",
    )
    assert done.returncode == 0
    assert (
        done.stderr
        == "postcall: POSTCALL_GRASE is no setting and has no effect; did you mean POSTCALL_GRACE?\n"
    )


def test_a_secret_can_be_given_as_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("hunter2\n")
    monkeypatch.setenv("POSTCALL_WEB_TOKEN_FILE", str(tmp_path / "token"))
    token = read_settings().web_token
    assert token is not None
    assert token.get_secret_value() == "hunter2"
    assert unknown_variables() == []


def test_a_secret_given_twice_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTCALL_WEB_TOKEN", "a")
    monkeypatch.setenv("POSTCALL_WEB_TOKEN_FILE", "b")
    with pytest.raises(SettingsRefused, match="found both POSTCALL_WEB_TOKEN and POSTCALL_WEB_TOKEN_FILE"):
        read_settings()


def test_a_secret_file_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTCALL_SASL_PASSWORD_FILE", "/nowhere/password")
    with pytest.raises(SettingsRefused, match="POSTCALL_SASL_PASSWORD_FILE: found '/nowhere/password'"):
        read_settings()
