"""The ledger imports nothing of what it judges, and the contract that says so leaves nothing out."""

import ast
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[3]
LEDGER = ROOT / "agents" / "ledger"
ALLOWED = {"confluent_kafka", "msgspec", "ruamel"}
"""Beside the standard library."""


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path} imports relatively"
            yield str(node.module)


def test_the_ledger_imports_the_standard_library_a_client_and_itself() -> None:
    known = ALLOWED | set(sys.stdlib_module_names)
    foreign = {
        f"{path.name}: {name}"
        for path in LEDGER.glob("*.py")
        for name in imported(path)
        if name.partition(".")[0] not in known and not name.startswith("agents.ledger")
    }
    assert foreign == set()


def test_the_contract_names_every_other_part_of_agents() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (contract,) = (each for each in contracts if each.get("source_modules") == ["agents.ledger"])
    parts = [
        path for path in LEDGER.parent.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    ]
    names = {path.stem for path in parts} - {"__init__", "ledger"}
    assert names == {
        name.removeprefix("agents.") for name in contract["forbidden_modules"] if name.startswith("agents.")
    }
