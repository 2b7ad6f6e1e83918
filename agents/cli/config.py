"""`postcall config`: every setting as this machine would run with it, secrets as set or not set."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from agents.cli.exits import DONE
from agents.cli.output import print_json, print_table
from schemas.settings import SECRET_FIELDS, Settings, variable
from schemas.spans import span_text
from schemas.wire import moment


def show(settings: Settings, as_json: bool) -> int:
    """Print the settings: a table for people, with `as_json` one object, variable → value."""
    if as_json:
        print_json(redacted(settings))
        return DONE
    shown = redacted(settings)
    rows = [(variable(field), _text(shown[variable(field)]), says) for field, says in described()]
    print_table("setting", "value", "what it is", rows=rows)
    return DONE


def redacted(settings: Settings) -> dict[str, Any]:
    """Every variable with its value as JSON shows it; nothing of a secret but whether it is set."""
    return {variable(field): _plain(field, getattr(settings, field)) for field in Settings.model_fields}


def described() -> list[tuple[str, str]]:
    """Each field with its docstring, in the order of the class."""
    return [(name, field.description or "") for name, field in Settings.model_fields.items()]


def _plain(field: str, value: Any) -> Any:
    match value:
        case _ if field in SECRET_FIELDS:
            return "not set" if value is None else "set"
        case timedelta():
            return span_text(value)
        case datetime():
            return moment(value)
        case Path():
            return str(value)
        case tuple():
            return list(value)
        case _:
            return value


def _text(value: Any) -> str:
    match value:
        case None:
            return "not set"
        case bool():
            return str(int(value))
        case list():
            return ",".join(value)
        case _:
            return str(value)
