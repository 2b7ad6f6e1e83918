"""What a JSON value is, in the words of messages; they never show contents."""

from typing import Any, Final

NAMES: Final = {
    type(None): "null",
    str: "a string",
    bool: "a boolean",
    int: "a whole number",
    float: "a fraction",
    list: "a list",
    dict: "an object",
}


def named(value: Any) -> str:
    """The sort of a value, such as `a list`."""
    return NAMES.get(type(value), type(value).__name__)
