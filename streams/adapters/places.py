"""Places in a payload, and whether what lies there fits."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from schemas.adapters.tables import Place, Words

NOTHING: Final = "-"
"""Among words: nothing lies there."""

_OR: Final = " | "


def found(payload: Any, place: Place) -> Any:
    """What lies in a place; None where nothing does, and null and an empty text are nothing."""
    for names in _names(place):
        value = _at(payload, names)
        if value is not None and value != "":
            return value
    return None


def fits(payload: Any, when: Mapping[Place, Words]) -> bool:
    """Whether what lies in each place is one of its words."""
    return all(_is_one(found(payload, place), words) for place, words in when.items())


def _is_one(value: Any, words: Words) -> bool:
    if value is None:
        return NOTHING in words.split()
    if not isinstance(value, str | int | float):
        return "*" in words.split()
    text = str(value)
    return any(
        text.startswith(word[:-1]) if word.endswith("*") else text == word
        for word in words.split()
        if word != NOTHING
    )


@lru_cache(maxsize=1024)
def _names(place: Place) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(one.split("/")) if one else () for one in place.split(_OR))


def _at(value: Any, names: tuple[str, ...]) -> Any:
    for name in names:
        if isinstance(value, dict):
            value = value.get(name)
        elif isinstance(value, list) and name.isdigit() and int(name) < len(value):
            value = value[int(name)]
        else:
            return None
    return value
