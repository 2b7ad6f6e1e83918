"""A value of a call as the places for it want it: as text, and as JSON knows it."""

from collections.abc import Mapping
from typing import Any

from schemas.wire import json_bytes


class Json(str):
    """A text that is a whole JSON value already."""

    __slots__ = ()


def as_text(value: Any) -> str:
    """A value as it stands inside a longer text: objects and lists as JSON, null as nothing."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    plain = native(value)
    return "" if plain is None else json_bytes(plain).decode()


def native(value: Any) -> Any:
    """A value as JSON knows it; what the engine made for itself is null."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, list | tuple | range):
        return [native(item) for item in value]
    if isinstance(value, Mapping) and type(value) is dict:
        return {str(name): native(member) for name, member in value.items()}
    return None
