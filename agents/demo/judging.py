"""The demo before the product's own ledger: the very judgement that `postcall verify` makes of real topics."""

import urllib.request
from dataclasses import replace
from typing import Final

from agents.demo.documents import SECRETS
from agents.demo.stage import APP_ID, DURATIONS, Stage
from agents.ledger.documents import Documents
from agents.ledger.gathering import Topics, gather, series
from agents.ledger.judgement import Asked, Judgement
from agents.ledger.oracle import judged
from agents.ledger.rules import Rules, span
from agents.ledger.witnesses import Witnesses

_SCRAPE_SECONDS: Final = 5.0


def verify(stage: Stage) -> tuple[Judgement, Witnesses]:
    """Judge the run that is over, while its broker and its worker are still there."""
    topics = replace(Topics(), others=(f"{APP_ID}-internal", f"{APP_ID}-calls-changelog"))
    witnesses, definitions = gather({"bootstrap.servers": stage.bootstrap}, topics, stage.witness_file)
    with urllib.request.urlopen(f"{stage.doors}/metrics", timeout=_SCRAPE_SECONDS) as page:  # noqa: S310  # our own worker's port
        scrape = series(page.read().decode())
    seen = replace(witnesses, scrapes=(scrape,), logs=(stage.worker_log,))
    durations = {name: span(text) or 0.0 for name, text in DURATIONS.items()}
    asked = Asked(tuple(SECRETS.values()), undisturbed=True, rules=Rules(**durations), workers=1)
    return judged(seen, Documents.applied(definitions), asked), seen
