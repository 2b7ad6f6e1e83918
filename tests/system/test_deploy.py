"""What is shipped installs only what is pinned by hash, and names only settings that there are."""

import re
import tomllib
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from schemas.settings import Settings, variable

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
SETTINGS = {variable(field) for field in Settings.model_fields}


def pins(lock: Path) -> dict[str, str]:
    """Package → version of a lock."""
    found = re.findall(r"^([a-z0-9._-]+)==([^ ;\\]+)", lock.read_text(), re.MULTILINE)
    return dict(found)


def services() -> dict[str, Any]:
    loaded: dict[str, dict[str, Any]] = YAML(typ="safe").load((DEPLOY / "compose.yaml").read_text())
    return loaded["services"]


def test_the_image_runs_the_versions_that_were_tested() -> None:
    tested = pins(ROOT / "requirements.lock")
    for lock in ("requirements.lock", "build.lock"):
        shipped = pins(DEPLOY / lock)
        assert shipped
        assert {name: tested.get(name) for name in shipped} == shipped


def test_the_image_has_every_dependency_and_no_tool_of_the_tests() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    shipped = set(pins(DEPLOY / "requirements.lock"))
    asked = {re.split(r"[<>=~; ]", each)[0].replace(".", "-") for each in project["project"]["dependencies"]}
    assert asked <= {name.replace(".", "-") for name in shipped}
    assert shipped.isdisjoint({"hypothesis", "mypy", "pytest", "ruff"})


def test_locks_name_hashes_and_no_place_to_download_from() -> None:
    for lock in (DEPLOY / "requirements.lock", DEPLOY / "build.lock", ROOT / "requirements.lock"):
        text = lock.read_text()
        assert "://" not in text
        assert text.count("--hash=sha256:") >= len(pins(lock))


def test_only_settings_that_there_are_are_set() -> None:
    image = re.findall(r"\b(POSTCALL_\w+)=", (DEPLOY / "Dockerfile").read_text())
    composed = [name for each in services().values() for name in each.get("environment", {})]
    named = {name for name in image + composed if name.startswith("POSTCALL_")}
    assert len(named) > 5
    assert named <= SETTINGS


def test_the_image_runs_as_nobody_special_and_from_the_hashed_lock() -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    assert "USER 10001:10001" in dockerfile
    assert "--require-hashes -r requirements.lock" in dockerfile


def test_every_service_says_when_it_is_well() -> None:
    assert set(services()) == {"kafka", "worker", "receiver", "prometheus"}
    assert [name for name, each in services().items() if "healthcheck" not in each] == []


def test_a_worker_has_longer_to_stop_than_to_drain() -> None:
    grace = re.fullmatch(r"(\d+)s", services()["worker"]["stop_grace_period"])
    assert grace is not None
    # The longest time-out that a node may have, and the five seconds beyond it.
    assert int(grace[1]) >= 60 + 5 + Settings(web_port=0).drain.total_seconds()
