"""The published files of docs/: an AsyncAPI document and a JSON Schema for each topic.

`python -m tests.published` writes them anew.
"""

from importlib.metadata import version
from pathlib import Path
from typing import Any

from msgspec.json import format as format_json

from schemas.published.asyncapi import document
from schemas.published.jsonschemas import json_schemas
from schemas.wire import json_bytes

DOCS = Path(__file__).parents[1] / "docs"
ASYNCAPI = DOCS / "asyncapi.json"


def published() -> dict[Path, bytes]:
    """Each file, and what is to be in it."""
    values: dict[Path, Any] = {ASYNCAPI: document(version("postcall"))}
    values |= {DOCS / "topics" / f"{topic}.json": schema for topic, schema in json_schemas().items()}
    return {path: format_json(json_bytes(value), indent=2) + b"\n" for path, value in values.items()}


def main() -> None:
    """Write all of them."""
    for path, text in published().items():
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text)


if __name__ == "__main__":
    main()
