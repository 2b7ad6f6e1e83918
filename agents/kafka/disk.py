"""What a disk can do to the local copy: be full, be read-only, lose files, flip bits.

None of it loses anything, for the copy is never ahead of the changelog. The worker stops without
acknowledging what it could not write. Where a copy was found corrupt, it and its neighbours are marked and
rebuilt at the next start: a disk that spoilt one is not trusted with the others, and a worker that finds them
one by one would need as many starts.
"""

import tempfile
from pathlib import Path

MARK = ".corrupt"
"""The suffix of the empty file beside a copy that says that it was found corrupt."""

_MISSING = "No such file or directory"


class DiskFailed(RuntimeError):
    """The local copy cannot be read or written; the message says which, why, and what to do."""


def failed(path: Path, reason: BaseException) -> DiskFailed:
    """What to raise for what RocksDB said of the copy at `path`; all copies beside it are marked if it is corrupt."""
    if not is_corrupt(path, reason):
        return DiskFailed(
            f"found no way to use the local copy {path} ({reason}); expected room and the right to write in "
            "POSTCALL_DATA_DIR. What is not in the changelog was not acknowledged: start again when there is both"
        )
    try:
        for copy in (path, *path.parent.glob(f"*{path.suffix}")):
            mark_of(copy).touch()
        then = "start again, and it is rebuilt from the changelog as all copies beside it"
    except OSError as refusal:
        then = f"it cannot be marked ({refusal.strerror}): remove it, and it is rebuilt from the changelog"
    return DiskFailed(f"found the local copy {path} corrupt ({reason}); {then}")


def is_corrupt(path: Path, reason: BaseException) -> bool:
    """Whether RocksDB's words mean that the copy, not the disk, is at fault. A missing file is the copy's fault
    when its folder is there."""
    text = str(reason)
    return "Corruption" in text or (_MISSING in text and path.exists())


def mark_of(path: Path) -> Path:
    """The file that marks the copy at `path` as corrupt."""
    return path.with_name(path.name + MARK)


def prepare(folder: Path) -> None:
    """Make the data directory and write a little into it.

    Raises:
        DiskFailed: it cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder, buffering=0) as trial:
            trial.write(bytes(4096))
    except OSError as reason:
        raise DiskFailed(
            f"found no way to write to the data directory {folder} ({reason.strerror}); "
            "expected room and the right to write in POSTCALL_DATA_DIR"
        ) from reason
