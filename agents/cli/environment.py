"""Reading the settings once, and saying all that is wrong with them at once.

What overrides what: a flag, then the variable or its `_FILE` variant, then the default.
"""

import os
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr, ValidationError
from pydantic_core import ErrorDetails

from agents.cli.exits import SettingsRefused
from schemas.settings import PREFIX, SECRET_FIELDS, Settings, flag, variable
from streams.egress import egress

_FILE: Final = "_FILE"

_OTHERS: Final = (f"{PREFIX}SECRET_", f"{PREFIX}HOSTS_OF_", f"{PREFIX}TEST_")
"""Variables that are no settings: the secrets of templates, their hosts, and what the test suite reads."""


def read_settings(flags: Mapping[str, Any] | None = None) -> Settings:
    """The settings of this process, flags (by field name) first. Raises SettingsRefused."""
    given = dict(flags or {})
    # pydantic-settings reads the plain variables; the content of files comes to it like a flag.
    values = _from_files(given) | given
    try:
        settings = Settings(**values)
    except ValidationError as refused:
        faults = [_fault(error, given) for error in refused.errors(include_url=False)]
        raise SettingsRefused(*faults) from refused
    _check_egress(settings, given)
    return settings


def _check_egress(settings: Settings, flags: Mapping[str, Any]) -> None:
    """Which entries make sense, the guard's own rules say."""
    try:
        egress(settings.egress_allow)
    except ValueError as fault:
        name = flag("egress_allow") if "egress_allow" in flags else variable("egress_allow")
        raise SettingsRefused(f"{name}: {fault}") from None


def unknown_variables() -> list[str]:
    """A warning for each `POSTCALL_` variable that means nothing, with the nearest that does."""
    known = sorted({variable(field) for field in Settings.model_fields} | set(_file_variables()))
    return [
        f"{name} is no setting and has no effect{_nearest(name, known)}"
        for name in sorted(os.environ)
        if name.startswith(PREFIX) and not name.startswith(_OTHERS) and name not in known
    ]


def _file_variables() -> Mapping[str, str]:
    return {variable(field) + _FILE: field for field in sorted(SECRET_FIELDS)}


def _from_files(flags: Mapping[str, Any]) -> dict[str, SecretStr]:
    named = {name: field for name, field in _file_variables().items() if os.environ.get(name)}
    twice = [
        f"found both {variable(field)} and {name}; expected one of them"
        for name, field in named.items()
        if os.environ.get(variable(field))
    ]
    if twice:
        raise SettingsRefused(*twice)
    return {field: _secret(name) for name, field in named.items() if field not in flags}


def _secret(name: str) -> SecretStr:
    path = os.environ[name]
    try:
        return SecretStr(Path(path).read_text(encoding="utf-8").rstrip("\r\n"))
    except (OSError, UnicodeDecodeError) as fault:
        why = fault.strerror if isinstance(fault, OSError) else "it is not UTF-8 text"
        raise SettingsRefused(f"{name}: found {path!r}, {why}; expected a file with the secret") from fault


def _fault(error: ErrorDetails, flags: Mapping[str, Any]) -> str:
    expected = (
        error["msg"].removeprefix("Value error, ").replace("Input should", "expected a value that should")
    )
    if not error["loc"]:
        return expected
    field = str(error["loc"][0])
    name = flag(field) if field in flags else variable(field)
    if expected.startswith("found "):
        return f"{name}: {expected}"
    found = "a secret" if field in SECRET_FIELDS else repr(flags.get(field, os.environ.get(variable(field))))
    return f"{name}: found {found}; {_expectation(error, expected)}"


def _expectation(error: ErrorDetails, said: str) -> str:
    limits: dict[str, Any] = error.get("ctx", {})
    match error["type"]:
        case "int_parsing" | "int_type" | "int_from_float":
            return "expected a whole number"
        case "bool_parsing" | "bool_type":
            return "expected 1 or 0"
        case "literal_error":
            return f"expected one of {str(limits['expected']).replace(' or ', ', ')}"
        case "greater_than" | "greater_than_equal" | "less_than_equal":
            return f"expected {_LIMITS[error['type']]} {_number(next(iter(limits.values())))}"
        case "string_pattern_mismatch":
            return f"expected text that matches {limits['pattern']}"
        case "string_too_short":
            return "expected some text"
        case _:
            return said


_LIMITS: Final = {"greater_than": "more than", "greater_than_equal": "at least", "less_than_equal": "at most"}


def _number(limit: Any) -> str:
    return "0s" if str(limit) == "0:00:00" else str(limit)


def _nearest(name: str, known: list[str]) -> str:
    near: Iterator[str] = iter(get_close_matches(name, known, n=1, cutoff=0.6))
    return next((f"; did you mean {match}?" for match in near), "")
