"""`postcall demo`: everything at once on this machine, and accounts of it at the end.

An embedded broker, a real worker, endpoints of which some misbehave, and a few hundred calls with every
outcome, told out of order, in part twice, in part never to the end. What had to come of each call is known
beforehand; the demo succeeds when exactly that came.
"""

import signal
import time
from datetime import UTC, datetime, timedelta
from types import FrameType
from typing import Any, Final

from rich.console import Console

from agents.cli.exits import DONE, FAILED
from agents.cli.output import print_json
from agents.demo.calls import draw
from agents.demo.judging import verify
from agents.demo.ledger import Ledger
from agents.demo.play import play
from agents.demo.show import open_show, print_ledger
from agents.demo.stage import open_stage
from agents.ledger.report import as_value, report
from schemas.settings import Settings

CALLS: Final = 240
TOLD_SECONDS: Final = 10.0
SEED: Final = 20

_MOST_SECONDS: Final = 105.0
"""It takes some 35, the start of the processes included; whatever has not come by then is lost."""

_INTERRUPTED: Final = 130


def run(settings: Settings, as_json: bool) -> int:
    """Play the demo. The exit code: 0 when the ledger is clean, else 1; 130 after Ctrl-C.

    With `as_json` the ledger goes to stdout as JSON and everything else to stderr.
    """
    console = Console(stderr=as_json)
    # A shell that starts us in the background has Ctrl-C ignored; who sends the signal itself means it.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        ledger, judgement = _played(settings, console)
    except KeyboardInterrupt:
        console.print("interrupted; everything was stopped")
        return _INTERRUPTED
    clean = ledger.clean and judgement["clean"]
    if as_json:
        print_json({**ledger.as_value(), "clean": clean, "verified": judgement})
    return DONE if clean else FAILED


def _played(settings: Settings, console: Console) -> tuple[Ledger, dict[str, Any]]:
    began = time.monotonic()
    console.print("starting an embedded broker, a worker and endpoints …")
    with open_stage(settings) as stage:
        console.print(
            f"ready after {time.monotonic() - began:.0f} s; metrics at {stage.doors}/metrics while it runs",
            highlight=False,
            soft_wrap=True,
        )
        load = draw(CALLS, TOLD_SECONDS, datetime.now(UTC) + timedelta(seconds=0.2), SEED)
        with open_show(console, load) as show:
            ledger = play(stage, load, began + _MOST_SECONDS, show)
        judgement, witnesses = verify(stage)
    print_ledger(console, ledger, load, time.monotonic() - began)
    text = report(judgement, witnesses, "and as postcall verify judges it, from the events alone")
    console.print("", text, sep="\n", highlight=False, markup=False, soft_wrap=True)
    console.print(_LINKS.format(doors=stage.doors), highlight=False, markup=False, soft_wrap=True)
    return ledger, as_value(judgement, witnesses)


_LINKS: Final = """
the workflow     deploy/examples/customer-support.yaml
the calls        agents/demo/stories.py
the rules        docs/verdicts.md
what is promised docs/promises.md
the metrics      were at {doors}/metrics; README.md says what each tells
your own         postcall validate FILE, postcall simulate FILE --events EVENTS, postcall verify"""


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
