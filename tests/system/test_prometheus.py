"""Rules fire when they should and only then, and everything they name is there to be scraped."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from agents.metric_families import FAMILIES, Family
from agents.metrics import Metrics

RULES = Path(__file__).parents[2] / "deploy" / "prometheus"
BY_NAME = {family.name: family for family in FAMILIES}


@pytest.fixture(scope="module")
def promtool() -> str:
    """Prometheus' own judge of rules and metrics (Debian's package is called prometheus)."""
    return shutil.which("promtool") or "promtool"


def groups() -> list[dict[str, Any]]:
    loaded: dict[str, list[dict[str, Any]]] = YAML(typ="safe").load((RULES / "alerts.yml").read_text())
    return loaded["groups"]


def rules(kind: str) -> dict[str, dict[str, Any]]:
    """The alerts, or the recording rules, by name."""
    return {rule[kind]: rule for group in groups() for rule in group["rules"] if kind in rule}


def expressions() -> list[str]:
    return [rule["expr"] for group in groups() for rule in group["rules"]]


def family_of(sample: str) -> Family | None:
    return BY_NAME.get(sample) or BY_NAME.get(re.sub(r"_(bucket|sum|count)$", "", sample))


def run(*command: str, given: bytes = b"") -> str:
    done = subprocess.run(command, cwd=RULES, input=given, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()
    return (done.stdout + done.stderr).decode()


@pytest.mark.needs("promtool")
def test_every_alert_fires_in_its_case_and_holds_its_peace_in_the_other(promtool: str) -> None:
    assert "SUCCESS" in run(promtool, "test", "rules", "alerts_test.yml")


@pytest.mark.needs("promtool")
def test_rules_and_configuration_are_what_prometheus_expects(promtool: str) -> None:
    assert "SUCCESS" in run(promtool, "check", "config", "prometheus.yml")


@pytest.mark.needs("promtool")
def test_a_scrape_follows_prometheus_conventions(promtool: str) -> None:
    assert run(promtool, "check", "metrics", given=Metrics().exposition()) == ""


def test_every_alert_has_a_case_of_each_sort() -> None:
    cases = YAML(typ="safe").load((RULES / "alerts_test.yml").read_text())["tests"]
    outcomes = {
        (check["alertname"], bool(check["exp_alerts"])) for case in cases for check in case["alert_rule_test"]
    }
    assert outcomes == {(alert, fires) for alert in rules("alert") for fires in (True, False)}


def test_every_metric_that_a_rule_names_is_exposed() -> None:
    named = {name for each in expressions() for name in re.findall(r"\bpostcall_[a-z_]+", each)}
    assert named
    assert [name for name in sorted(named) if family_of(name) is None] == []


def test_every_recorded_series_that_a_rule_names_is_recorded() -> None:
    named = {name for each in expressions() for name in re.findall(r"\bpostcall:[a-z0-9_:]+", each)}
    assert named <= set(rules("record"))


def test_every_label_that_a_rule_selects_is_one_that_the_metric_has() -> None:
    selected = [
        (name, label, value)
        for each in expressions()
        for name, braced in re.findall(r"\b(postcall_[a-z_]+)\{([^}]*)\}", each)
        for label, values in re.findall(r'(\w+)(?:=~|!=|=)"([^"]*)"', braced)
        for value in values.split("|")
    ]
    assert selected
    for name, label, value in selected:
        family = family_of(name)
        assert family is not None
        assert value in {series[family.labels.index(label)] for series in family.series}, (name, label, value)


def test_every_alert_says_how_bad_it_is_and_what_to_do() -> None:
    for name, rule in rules("alert").items():
        assert name.startswith("Postcall")
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert set(rule["annotations"]) == {"summary", "description"}
