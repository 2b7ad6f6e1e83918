"""The attempts at a call's requests as bars on one axis of time."""

from datetime import datetime
from typing import Any, Final

from msgspec import Struct

from schemas.encodings.moments import utc
from streams.console.calls import Said

WHOLE: Final = 1000
"""The axis is so long."""
THINNEST: Final = 6
"""An attempt of milliseconds among retries of hours must still be seen."""


class Bar(Struct, frozen=True):
    """One attempt: where it begins and how long it is, of WHOLE."""

    x: int
    width: int
    klass: str
    says: str


class Axis(Struct, frozen=True):
    """From the first attempt to the end of the last."""

    begin: datetime
    seconds: float

    def bar(self, attempt: Said) -> Bar | None:
        """The bar of an attempt; None where its moment cannot be read."""
        at = utc(str(attempt["at"]))
        if at is None:
            return None
        scale = WHOLE / self.seconds if self.seconds > 0 else 0.0
        width = max(THINNEST, round(float(attempt["seconds"]) * scale))
        x = min(WHOLE - THINNEST, round((at - self.begin).total_seconds() * scale))
        reply = attempt["error"] if attempt["status"] is None else attempt["status"]
        says = f"attempt {attempt['attempt']}: {reply}, {attempt['class']}, {attempt['seconds']:.3f} s"
        return Bar(max(0, x), min(width, WHOLE - max(0, x)), str(attempt["class"]), says)


def axis(deliveries: list[dict[str, Any]]) -> Axis | None:
    """The axis that holds all attempts; None where there is none."""
    spans = [
        (at, at.timestamp() + float(each["seconds"]))
        for delivery in deliveries
        for each in delivery.get("attempts", ())
        if (at := utc(str(each["at"]))) is not None
    ]
    if not spans:
        return None
    begin = min(at for at, _ in spans)
    return Axis(begin, max(end for _, end in spans) - begin.timestamp())
