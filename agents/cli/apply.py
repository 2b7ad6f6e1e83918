"""`postcall apply`: put documents into force, all of them or, if one is at fault, none."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agents.cli.broker import ask
from agents.cli.exits import DONE, FAILED
from agents.cli.output import complain, print_json, print_line
from agents.cli.validate import as_value, read_files
from agents.connection import client_options, kafka_config, topic_names
from agents.kafka.topics import ensure_topics
from agents.workflows_topic import read_whole, write
from schemas.documents.reading import Reading
from schemas.settings import Settings
from streams.egress import egress
from streams.publishing import Publication, publications, unknown_workflows


def run(files: Sequence[Path], as_json: bool, settings: Settings) -> int:
    """Validate files and write their documents to the workflows topic, which is created when absent."""
    reading = read_files(files, egress(settings.egress_allow))
    planned: tuple[Publication, ...] = ()
    if not reading.errors:
        reading, planned = ask(settings, _publish(reading, settings))
    if as_json:
        print_json(as_value(reading) | {"applied": [_as_value(each) for each in planned]})
    else:
        _print_lines(reading, planned)
    return FAILED if reading.errors else DONE


async def _publish(reading: Reading, settings: Settings) -> tuple[Reading, tuple[Publication, ...]]:
    config, names = kafka_config(settings), topic_names(settings)
    options = client_options(config)
    await ensure_topics(config, names, settings.remember, settings.replication or -1)
    written = await read_whole(options, names.workflows)
    planned, refused = publications(reading.documents, written)
    warnings = (*reading.warnings, *unknown_workflows(reading.documents, written))
    checked = Reading(reading.documents, refused, warnings)
    if refused:
        return checked, ()
    await write(options, names.workflows, [(each.document.key, each.document.source) for each in planned])
    return checked, planned


def _as_value(publication: Publication) -> dict[str, Any]:
    document = publication.document
    return {
        "kind": document.kind,
        "id": document.id,
        "version": document.version,
        "result": publication.result,
    }


def _print_lines(reading: Reading, planned: Sequence[Publication]) -> None:
    for fault in reading.errors:
        print_line(str(fault))
    for publication in planned:
        print_line(f"{publication.document.key} {publication.result}")
    complain(*(f"warning: {warning}" for warning in reading.warnings))
    if reading.errors:
        complain("nothing was applied")
