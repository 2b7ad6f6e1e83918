"""`postcall dead-letters`: what was given up, read from its topic; no worker is needed."""

from agents.cli.broker import ask
from agents.cli.exits import DONE
from agents.cli.output import print_json, print_table
from agents.connection import kafka_config
from agents.replaying import letters
from schemas.settings import Settings
from schemas.wire import moment
from streams.letters import Letter, Selection


def run(wanted: Selection, as_json: bool, settings: Settings) -> int:
    """Print dead letters: a table for people, with `as_json` the records as they are."""
    found = ask(settings, letters(kafka_config(settings), settings.topic("dead-letters"), wanted))
    if as_json:
        print_json([each.said for each in found])
    else:
        print_table("at", "reason", "call", "what", "endpoint", "attempts", "why", rows=_rows(found))
    return DONE


def _rows(found: list[Letter]) -> list[tuple[str, ...]]:
    """The letters as rows for people."""
    return [
        (
            moment(each.at),
            each.reason,
            each.call_id or "-",
            what(each),
            each.endpoint or "-",
            str(len(each.said.get("attempts", ()))),
            str(each.said.get("why") or "-"),
        )
        for each in found
    ]


def what(letter: Letter) -> str:
    """What was given up: a node, a webhook, or an event where it lies."""
    if letter.delivery_id:
        return f"{letter.kind} {letter.id}"
    source = letter.said.get("source", {})
    return f"event {source.get('topic')}[{source.get('partition')}]@{source.get('offset')}"
