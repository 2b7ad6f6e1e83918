"""Ways in which a disk loses or garbles what a worker keeps on it, done while the worker is not running."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path


def flip_bytes_of_tables(folder: Path) -> None:
    """Garble every table of RocksDB."""
    tables = list(folder.rglob("*.sst"))
    assert tables, f"found no tables below {folder}"
    for table in tables:
        content = bytearray(table.read_bytes())
        for place in range(0, min(len(content), 2000), 50):
            content[place] ^= 0xFF
        table.write_bytes(content)


def flip_bytes_of_logs(folder: Path) -> None:
    """Garble every write-ahead log of RocksDB."""
    logs = [log for log in folder.rglob("[0-9]*.log") if log.stat().st_size > 500]
    assert logs, f"found no logs below {folder}"
    for log in logs:
        content = bytearray(log.read_bytes())
        for place in range(len(content) // 3, len(content) // 2, 50):
            content[place] ^= 0xFF
        log.write_bytes(content)


def cut_tables(folder: Path) -> None:
    """Lose the second half of every table."""
    for table in folder.rglob("*.sst"):
        os.truncate(table, table.stat().st_size // 2)


def remove(pattern: str) -> Callable[[Path], None]:
    """Lose the files of such a name."""

    def removing(folder: Path) -> None:
        found = list(folder.rglob(pattern))
        assert found, f"found no {pattern} below {folder}"
        for each in found:
            each.unlink()

    return removing


def wipe(folder: Path) -> None:
    """Lose everything."""
    shutil.rmtree(folder)
