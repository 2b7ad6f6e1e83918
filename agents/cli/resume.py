"""`postcall resume`: an endpoint that was disabled gets requests again, by a tombstone in the workflows topic."""

from agents.cli.broker import ask
from agents.cli.exits import DONE, CommandRefused
from agents.cli.get import endpoints, in_force, print_rows
from agents.cli.output import print_json, print_line
from agents.connection import client_options, kafka_config
from agents.workflows_topic import read_whole, write
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
    options, topic = client_options(kafka_config(settings)), settings.topic("workflows")
    marks = in_force(await read_whole(options, topic)).marks
    if name not in marks or not marks[name].disabled:
        disabled = ", ".join(sorted(each for each, mark in marks.items() if mark.disabled))
        instead = f"expected one of: {disabled}" if disabled else "no endpoint is"
        raise CommandRefused(f"found {name!r}, which is not disabled; {instead}")
    await write(options, topic, [(f"{ENDPOINT}{name}", None)])
