"""`postcall delete`: take one document out of force, by a tombstone in the workflows topic."""

from agents.cli.broker import ask
from agents.cli.exits import DONE, UsageRefused
from agents.cli.get import KINDS, key_of_one
from agents.cli.output import print_json, print_line
from agents.connection import client_options, kafka_config
from agents.workflows_topic import in_force, read_whole, write
from schemas.settings import Settings
from streams.definitions import WORKFLOW, workflow_of


def run(unwanted: str, as_json: bool, settings: Settings) -> int:
    """Delete `agents/ID` or `workflows/ID@V`, and say which version is in force after it. The key as `apply`
    prints it will do, too."""
    written_kind, _, name = unwanted.partition("/")
    kind = KINDS.get(written_kind)
    if kind is None or not name or (kind == "workflows") != ("@" in name):
        raise UsageRefused(f"found {unwanted!r}; expected agents/ID or workflows/ID@VERSION")
    key, current = ask(settings, _delete(unwanted, settings))
    if as_json:
        print_json({"ok": True, "deleted": key, "in_force": current})
    else:
        print_line(f"{key} deleted" + (f", {current} is in force" if current is not None else ""))
    return DONE


async def _delete(unwanted: str, settings: Settings) -> tuple[str, int | None]:
    options, topic = client_options(kafka_config(settings)), settings.topic("workflows")
    written = await read_whole(options, topic)
    key = key_of_one(unwanted, written)
    await write(options, topic, [(key, None)])
    del written[key]
    current = in_force(written).in_force(workflow_of(key)[0]) if key.startswith(WORKFLOW) else None
    return key, current
