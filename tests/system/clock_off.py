"""A process whose date is wrong, by a few lines of C put before libc's.

Debian's libfaketime takes a lock for every look at any clock, which stalls an event loop for seconds.
"""

import subprocess
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

_SOURCE = Path(__file__).with_suffix(".c")


def clock_off(folder: Path, fast: timedelta) -> Mapping[str, str]:
    """The environment of a process whose clock is so `fast`; the library is built into `folder`, by `cc`."""
    library = folder / "clock_off.so"
    if not library.exists():
        building = ["cc", "-O2", "-shared", "-fPIC", "-o", str(library), str(_SOURCE), "-ldl"]
        subprocess.run(building, check=True, timeout=60)
    return {"LD_PRELOAD": str(library), "CLOCK_OFF": f"{fast.total_seconds():.0f}"}
