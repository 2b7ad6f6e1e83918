"""Evidence in a folder: all witnesses as files, so that a run can be judged again, offline, to the same answer.

    asked.json            what was asked, with the durations and the moment of the judgement
    <topic>.jsonl         call-events, workflows, delivery-log, call-outcomes, dead-letters, others
    requests.jsonl        the receiver's file; absent when there was none
    metrics.json          the last scrape of every worker
    samples.jsonl         samples and disturbances, as they were given
    logs/                 what the workers printed

Planted strings are not kept: they are secrets, and have to be given again.
"""

import json
import shutil
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

from agents.ledger.documents import Documents
from agents.ledger.judgement import Asked
from agents.ledger.receiver_file import read_requests
from agents.ledger.rules import Rules
from agents.ledger.samples import read_samples, write_samples
from agents.ledger.witnesses import Record, Witnesses

_FORMAT: Final = 1
_TOPICS: Final = {
    "call-events": "events",
    "delivery-log": "deliveries",
    "call-outcomes": "outcomes",
    "dead-letters": "dead_letters",
    "others": "others",
}
"""The files, and what they are of the witnesses."""


class BadEvidence(ValueError):
    """A folder that holds no evidence; the message says what was found and what was expected."""


def save(folder: Path, witnesses: Witnesses, definitions: Iterable[Record], asked: Asked) -> None:
    """Write all witnesses of a judgement to a folder, which is made. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, field in _TOPICS.items():
        _write(folder / f"{name}.jsonl", map(_as_value, getattr(witnesses, field)))
    _write(folder / "workflows.jsonl", map(_as_value, definitions))
    if witnesses.requests is not None:
        _write(folder / "requests.jsonl", map(asdict, witnesses.requests))
    write_samples(folder / "samples.jsonl", witnesses.samples, witnesses.disturbances)
    (folder / "metrics.json").write_text(json.dumps(witnesses.scrapes, indent=1) + "\n")
    (folder / "logs").mkdir(exist_ok=True)
    for log in witnesses.logs:
        shutil.copyfile(log, folder / "logs" / log.name)
    kept = asdict(replace(asked, planted=(), among=None))
    among = None if asked.among is None else sorted(asked.among)
    said = {"format": _FORMAT, "kills": witnesses.kills, "asked": {**kept, "among": among}}
    (folder / "asked.json").write_text(json.dumps(said, indent=1) + "\n")


def load(folder: Path) -> tuple[Witnesses, Documents, Asked]:
    """Read the evidence of a folder. Raises BadEvidence."""
    try:
        said = json.loads((folder / "asked.json").read_text())
        if said["format"] != _FORMAT:
            raise BadEvidence(f"{folder}: found format {said['format']!r}; expected {_FORMAT}")
        topics = {field: tuple(_records(folder / f"{name}.jsonl")) for name, field in _TOPICS.items()}
        requests = folder / "requests.jsonl"
        samples, disturbances = read_samples(folder / "samples.jsonl")
        witnesses = Witnesses(
            requests=read_requests(requests) if requests.exists() else None,
            scrapes=tuple(json.loads((folder / "metrics.json").read_text())),
            logs=tuple(sorted((folder / "logs").iterdir())),
            kills=tuple(said["kills"]),
            samples=samples,
            disturbances=disturbances,
            **topics,
        )
        definitions = tuple(_records(folder / "workflows.jsonl"))
    except (OSError, KeyError, TypeError, ValueError) as fault:
        raise BadEvidence(f"{folder}: found {fault}; expected what postcall verify --save wrote") from fault
    return witnesses, Documents.applied(definitions), _asked(said["asked"])


def _asked(said: dict[str, Any]) -> Asked:
    among = None if said["among"] is None else frozenset(said["among"])
    return Asked(**{**said, "planted": (), "among": among, "rules": Rules(**said["rules"])})


def _write(path: Path, values: Iterable[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for value in values:
            file.write(json.dumps(value, ensure_ascii=True) + "\n")


def _as_value(record: Record) -> dict[str, Any]:
    texts = {"key": record.key, "value": record.value}
    named = {name: _text(value) for name, value in texts.items() if value is not None}
    return {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "at": record.at,
        **named,
        "headers": record.headers,
    }


def _text(value: bytes) -> str | dict[str, str]:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"base64": b64encode(value).decode()}


def _records(path: Path) -> Iterator[Record]:
    for line in path.read_text(encoding="utf-8").splitlines():
        said = json.loads(line)
        yield Record(**{**said, "key": _bytes(said.get("key")), "value": _bytes(said.get("value"))})


def _bytes(text: str | dict[str, str] | None) -> bytes | None:
    if text is None:
        return None
    return text.encode() if isinstance(text, str) else b64decode(text["base64"])
