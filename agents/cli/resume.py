"""`postcall resume`: an endpoint that was disabled gets requests again, by a tombstone in the workflows topic."""

from agents.cli.broker import ask
from agents.cli.exits import DONE, CommandRefused
from agents.cli.get import endpoints, print_rows
from agents.cli.output import print_json, print_line
from agents.connection import client_options, kafka_config
from agents.operating import resume
from agents.workflows_topic import in_force, read_whole
from schemas.settings import Settings
from streams.definitions import ENDPOINT


def run(endpoint: str | None, as_json: bool, settings: Settings) -> int:
    """Resume `<agent>/<node or type>`; without one, list what is disabled."""
    if endpoint is None:
        written = ask(
            settings, read_whole(client_options(kafka_config(settings)), settings.topic("workflows"))
        )
        columns, rows = endpoints(in_force(written))
        print_rows(columns, [row for row in rows if row[1]], as_json)
        return DONE
    name = endpoint.removeprefix(ENDPOINT)
    ask(settings, _resume(name, settings))
    if as_json:
        print_json({"ok": True, "resumed": name})
    else:
        print_line(f"{ENDPOINT}{name} resumed")
    return DONE


async def _resume(name: str, settings: Settings) -> None:
    try:
        await resume(name, client_options(kafka_config(settings)), settings.topic("workflows"))
    except LookupError as fault:
        raise CommandRefused(str(fault.args[0])) from fault
