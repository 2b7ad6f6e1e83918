"""A disk that is full, corrupt, wiped or read-only costs time: what counts is in the changelog."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.system.brokers import ServedBroker
from tests.system.loaded import ended, under_load
from tests.system.spoiling import cut_tables, flip_bytes_of_logs, flip_bytes_of_tables, remove, wipe
from tests.system.workers import Worker

pytestmark = [pytest.mark.kafka, pytest.mark.faults, pytest.mark.slow, pytest.mark.timeout(180)]

_ROOM = "64m"


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(flip_bytes_of_tables, id="flipped bytes"),
        pytest.param(flip_bytes_of_logs, id="flipped bytes of write-ahead logs"),
        pytest.param(cut_tables, id="cut tables"),
        pytest.param(remove("*.sst"), id="no tables"),
        pytest.param(remove("MANIFEST-*"), id="no manifest"),
        pytest.param(remove("CURRENT"), id="no current"),
        pytest.param(wipe, id="wiped"),
    ],
)
def test_a_spoilt_copy_is_rebuilt_from_the_changelog(
    kafka: ServedBroker, tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    with under_load(kafka.bootstrap, tmp_path, 61, workers=1) as run:
        (worker,) = run.fleet.workers
        assert run.fleet.restart(worker) == 0  # opening what was logged makes tables of it
        worker.wait_ready()
        run.note("kill -9, and its copy spoilt")
        run.fleet.kills.append(worker.kill())
        spoil(worker.folder)
        worker.start()
        if spoil is flip_bytes_of_tables:
            assert ended(run, [worker]) == [1]
            assert "corrupt" in last_words(worker)
            worker.start()
        worker.wait_ready()
        judgement = run.settle()
        assert worker.running
        assert judgement.violations == ()
        assert judgement.repeats <= judgement.in_flight_at_kills


def test_a_full_disk_stops_the_worker_which_goes_on_when_there_is_room(
    kafka: ServedBroker, tmp_path: Path
) -> None:
    with (
        small_disk(tmp_path / "disk", _ROOM) as disk,
        under_load(
            kafka.bootstrap, tmp_path, 62, workers=1, own={"POSTCALL_DATA_DIR": str(disk / "data")}
        ) as run,
    ):
        (worker,) = run.fleet.workers
        run.note("its disk is full")
        fill(disk / "ballast")
        (code,) = ended(run, [worker])
        assert code == 1
        assert "No space left on device" in last_words(worker)
        run.note("still full")
        worker.start()
        (code,) = ended(run, [worker])
        assert code == 1
        assert "No space left on device" in last_words(worker)
        run.note("room again")
        (disk / "ballast").unlink()
        worker.start()
        worker.wait_ready()
        judgement = run.settle()
        assert judgement.violations == ()
        assert judgement.repeats <= judgement.in_flight_at_kills


def test_a_read_only_disk_is_named_at_the_start(kafka: ServedBroker, tmp_path: Path) -> None:
    with (
        small_disk(tmp_path / "disk", _ROOM) as disk,
        under_load(kafka.bootstrap, tmp_path, 63, workers=0) as run,
    ):
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        worker = Worker(run.setting, 1, {"POSTCALL_DATA_DIR": str(disk / "data")})
        worker.start()
        assert worker.wait() == 1
        words = worker.log.read_text()
        assert str(disk / "data") in words
        assert "Traceback" not in words


def last_words(worker: Worker) -> str:
    """The end of what the worker logged."""
    return worker.log.read_text(errors="replace")[-1500:]


def fill(ballast: Path) -> None:
    """Write until there is no room left."""
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while file.write(bytes(size)) == size:
                    pass
            except OSError:
                pass


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A file system of so many bytes in memory; skipped where one may not be mounted."""
    folder.mkdir()
    mounting = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounting.returncode != 0:
        pytest.skip(f"may not mount a small disk here: {mounting.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
