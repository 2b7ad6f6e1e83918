"""One rendering, as everything that takes part in it sees it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from streams.templates.meter import Meter


@dataclass(frozen=True, slots=True)
class Run:
    """One rendering: the data, what to do where it is missing, what it cost, what was missed."""

    context: Mapping[str, Any]
    policy: str
    meter: Meter
    missed: list[str]
