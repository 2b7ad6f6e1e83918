"""Processes that this one starts: with its settings, and never outliving it.

A child gets its settings by the environment, whatever way this process got its own: flags, variables, files.
"""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from schemas.settings import SECRET_FIELDS, Settings, variable
from schemas.spans import span_text
from schemas.wire import moment

POSTCALL: Final = (sys.executable, "-c", "from agents.cli import main; main()")
"""The command `postcall` of the very code that runs here, wherever it is installed."""

_DEATH_SIGNAL: Final = 1
"""Linux's PR_SET_PDEATHSIG."""


def environment(settings: Settings) -> dict[str, str]:
    """The environment of a child with these settings; what is no setting is handed on as it is."""
    names = {variable(field) for field in Settings.model_fields}
    names |= {f"{variable(field)}_FILE" for field in SECRET_FIELDS}
    kept = {name: value for name, value in os.environ.items() if name not in names}
    given = {field: getattr(settings, field) for field in Settings.model_fields}
    return kept | {variable(field): _text(value) for field, value in given.items() if value is not None}


def start(
    command: Sequence[str],
    settings: Mapping[str, str],
    at_our_death: signal.Signals = signal.SIGKILL,
    **more: Any,
) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own, so that Ctrl-C is ours to answer.

    On Linux it gets `at_our_death` when this process ends without having ended it; elsewhere only what
    `more` (the arguments of Popen) arranges.
    """
    return subprocess.Popen(  # noqa: S603  # our own commands
        command,
        env=dict(settings),
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=tied_to_us(at_our_death),  # noqa: PLW1509  # it takes no lock; see there
        **more,
    )


def tied_to_us(at_our_death: signal.Signals) -> Callable[[], None] | None:
    """What a child does before it becomes its command; None where no system call ties it to its parent."""
    if not sys.platform.startswith("linux"):
        return None
    # Found before the fork: another thread may hold the loader's lock during it.
    set_option = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def tie() -> None:
        set_option(_DEATH_SIGNAL, int(at_our_death), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)  # the parent died in between, and no signal will come

    return tie


def _text(value: Any) -> str:
    match value:
        case bool():
            return str(int(value))
        case timedelta():
            return span_text(value)
        case datetime():
            return moment(value)
        case SecretStr():
            return value.get_secret_value()
        case Path():
            return str(value)
        case tuple():
            return ",".join(value)
        case _:
            return str(value)
