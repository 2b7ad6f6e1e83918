"""A test run that is killed leaves no process behind."""

import subprocess
import sys
import time
from pathlib import Path

_STARTS_A_SLEEPER = """
import subprocess, time
from tests.system.leash import Leash
sleeper = subprocess.Popen(["sleep", "60"], start_new_session=True)
leash = Leash(sleeper.pid)
print(sleeper.pid, flush=True)
time.sleep(60)
"""


def test_a_process_on_a_leash_ends_with_the_killed_one_that_started_it() -> None:
    with subprocess.Popen([sys.executable, "-c", _STARTS_A_SLEEPER], stdout=subprocess.PIPE) as starter:
        assert starter.stdout is not None
        sleeper = Path(f"/proc/{int(starter.stdout.readline())}/cmdline")
        assert b"sleep" in sleeper.read_bytes()
        starter.kill()
        until = time.monotonic() + 5
        while sleeper.exists() and sleeper.read_bytes() and time.monotonic() < until:
            time.sleep(0.05)
        assert not sleeper.exists() or sleeper.read_bytes() == b""
