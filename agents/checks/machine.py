"""The machine that a worker would run on: its data directory, its open files."""

import os
import resource
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from agents.checks.finding import Finding, fail, ok, warn
from schemas.settings import Settings

MIB: Final = 1024 * 1024
LEAST_FREE: Final = 256 * MIB
"""Bytes below which RocksDB may be unable to compact, and a worker stops."""
ROOMY: Final = 2048 * MIB
"""Bytes for some millions of settled calls and the logs of RocksDB."""

FILES_BESIDE: Final = 1024
"""Open files beside those of attempts: RocksDB's, Kafka's, the console's."""


def look_at_machine(settings: Settings) -> Iterator[Finding]:
    """Look at what a worker needs of this machine."""
    folder = settings.data_dir.absolute()
    there = next(each for each in (folder, *folder.parents) if each.exists())
    yield _writable(folder, there)
    yield _space(there)
    yield _files(settings)


def _writable(folder: Path, there: Path) -> Finding:
    owner = f"chown $(id -u) {there}"
    try:
        if not there.is_dir():
            raise NotADirectoryError(20, "Not a directory")
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as fault:
        return fail(
            "machine", "data directory", f"{there}: {fault.strerror}", "one that can be written", owner
        )
    made = "" if there == folder else ", which a worker makes"
    return ok("machine", "data directory", f"{folder} can be written{made}")


def _space(there: Path) -> Finding:
    free = shutil.disk_usage(there).free
    found = f"{free // MIB} MiB free at {there}"
    mend = "free some, or set POSTCALL_DATA_DIR to another disk"
    if free < LEAST_FREE:
        return fail("machine", "disk", found, f"at least {LEAST_FREE // MIB} MiB", mend)
    if free < ROOMY:
        return warn("machine", "disk", found, f"at least {ROOMY // MIB} MiB", mend)
    return ok("machine", "disk", found)


def _files(settings: Settings) -> Finding:
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = settings.slots + settings.slow_slots + FILES_BESIDE
    found = "any number of open files" if allowed == resource.RLIM_INFINITY else f"{allowed} open files"
    if allowed != resource.RLIM_INFINITY and allowed < wanted:
        return warn("machine", "open files", found, f"{wanted}, one for each attempt", f"ulimit -n {wanted}")
    return ok("machine", "open files", f"{found} on {os.cpu_count()} cores")
