"""One rendering, as everything that takes part in it sees it."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from streams.templates.meter import Meter


class Run(Struct, frozen=True):
    """One rendering: the data, what to do where it is missing, what it cost, what was missed."""

    context: Mapping[str, Any]
    policy: str
    meter: Meter
    missed: list[str]
