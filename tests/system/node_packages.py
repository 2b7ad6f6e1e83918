"""Packages of the npm registry for a test, pinned, installed once and kept under the ignored `.cache/node`."""

import shutil
import subprocess
import tempfile
from pathlib import Path

CACHE = Path(__file__).parents[2] / ".cache" / "node"
_INSTALLING_SECONDS = 240


class NotInstalled(RuntimeError):
    """npm could not install the packages; the message says why."""


def node_packages(*pinned: str) -> Path:
    """The folder whose `node_modules` has these packages (`kafkajs@2.2.4`); they run no scripts of their own."""
    folder = CACHE / "+".join(each.replace("/", "_") for each in pinned)
    if folder.exists():
        return folder
    CACHE.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix="installing-", dir=CACHE))
    command = [
        "npm",
        "install",
        "--silent",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "--no-package-lock",
    ]
    done = subprocess.run(
        [*command, "--prefix", str(fresh), *pinned],
        capture_output=True,
        text=True,
        timeout=_INSTALLING_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        shutil.rmtree(fresh, ignore_errors=True)
        raise NotInstalled(
            f"npm installed no {' '.join(pinned)}: {(done.stdout + done.stderr).strip()[-500:]}"
        )
    fresh.rename(folder)
    return folder
