"""HTML from templates: everything that is put in is escaped, and what a template misspells is an error."""

from datetime import datetime
from pathlib import Path
from typing import Any, Final

from liquid import CachingFileSystemLoader, Environment, StrictUndefined
from liquid.extra import BlockTag, ExtendsTag

from schemas.wire import moment

_HERE: Final = Path(__file__).parent
STATIC: Final = _HERE / "static"


def _at(value: Any) -> str:
    """A moment to the second, for people: 2026-01-02 03:04:05."""
    text = moment(value) if isinstance(value, datetime) else str(value or "")
    return text[:19].replace("T", " ")


def _span(seconds: Any) -> str:
    """A span in the unit that says most: 12 ms, 1.2 s."""
    if not isinstance(seconds, int | float):
        return "–"
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _environment() -> Environment:
    loader = CachingFileSystemLoader(_HERE / "pages", auto_reload=False)
    made = Environment(autoescape=True, undefined=StrictUndefined, loader=loader)
    for tag in (ExtendsTag, BlockTag):
        made.add_tag(tag)
    made.add_filter("at", _at)
    made.add_filter("span", _span)
    return made


_ENVIRONMENT: Final = _environment()


def render(page: str, values: dict[str, Any]) -> str:
    """The page `pages/<page>.html` with these values."""
    return _ENVIRONMENT.get_template(f"{page}.html").render(**values)
