"""What the commands say: data on stdout, all else on stderr; plain where nobody looks at a terminal."""

import sys
from collections.abc import Sequence
from typing import Any, Final

from msgspec.json import format as format_json

from schemas.wire import json_bytes

_PLAIN_WIDTH: Final = 200
"""Columns where there is no terminal: enough that no cell of a table is cut."""


def print_json(value: Any) -> None:
    """Write a value as one line of JSON to stdout."""
    sys.stdout.write(json_bytes(value).decode() + "\n")
    sys.stdout.flush()


def print_document(value: Any) -> None:
    """Write a JSON value to stdout, indented, as `postcall apply` takes it."""
    sys.stdout.write(format_json(json_bytes(value), indent=2).decode() + "\n")


def print_line(text: str) -> None:
    """Write a line of data to stdout."""
    sys.stdout.write(text + "\n")


def print_table(*columns: str, rows: Sequence[tuple[str, ...]]) -> None:
    """Write a table to stdout: coloured and as wide as the terminal, else plain."""
    from rich.console import Console
    from rich.table import Table

    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*row)
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, color_system=None, width=_PLAIN_WIDTH)
    console.print(table, markup=False)


def complain(*lines: str) -> None:
    """Write lines that are no data (a warning, what is wrong) to stderr."""
    for line in lines:
        sys.stderr.write(f"postcall: {line}\n")
