"""One scrape of several worker processes: what Prometheus would have summed itself.

Counters and histograms never fall: a child that was started again begins at 0, and a sum that fell would read
as a restart of everything. What a child had counted before stays in the sum, also while it is away.
"""

from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from agents.metric_families import FAMILIES

_MERGED_BY: Final = {family.name: family.over_children for family in FAMILIES} | {
    "process_start_time_seconds": "max"
}

_Key: TypeAlias = tuple[str, tuple[tuple[str, str], ...]]


class Totals:
    """The sums over the children, scrape after scrape. A child is told from others by its number."""

    def __init__(self) -> None:
        self._last: dict[tuple[int, _Key], float] = {}
        self._before: dict[tuple[int, _Key], float] = {}
        self._families: dict[str, Metric] = {}

    def exposition(self, scraped: Mapping[int, bytes], children: int) -> bytes:
        """The merged scrape of the children that answered (number → text), of so many that there are."""
        gauges: dict[_Key, list[float]] = {}
        for child, text in scraped.items():
            for family in text_string_to_metric_families(text.decode()):
                self._families.setdefault(family.name, family)
                for sample in family.samples:
                    if family.type == "gauge":
                        gauges.setdefault(_key(sample), []).append(sample.value)
                    else:
                        self._rise(child, _key(sample), sample.value)
        return _text(self._families.values(), self._sums() | _merged(gauges, children))

    def _rise(self, child: int, key: _Key, value: float) -> None:
        last = self._last.get((child, key), 0.0)
        if value < last:
            self._before[child, key] = self._before.get((child, key), 0.0) + last
        self._last[child, key] = value

    def _sums(self) -> dict[_Key, float]:
        sums: dict[_Key, float] = {}
        for (child, key), value in self._last.items():
            sums[key] = sums.get(key, 0.0) + value + self._before.get((child, key), 0.0)
        return sums


def _merged(gauges: Mapping[_Key, list[float]], children: int) -> dict[_Key, float]:
    return {key: _merge(_MERGED_BY.get(key[0], "sum"), values, children) for key, values in gauges.items()}


def _merge(how: str, values: list[float], children: int) -> float:
    match how:
        case "max":
            return max(values)
        case "all":
            return min(values) if len(values) == children else 0.0
        case _:
            return sum(values)


def _key(sample: Sample) -> _Key:
    return sample.name, tuple(sample.labels.items())


def _text(families: Iterable[Metric], values: Mapping[_Key, float]) -> bytes:
    by_name: dict[str, list[_Key]] = {}
    for key in values:
        by_name.setdefault(key[0], []).append(key)
    lines: list[str] = []
    for family in families:
        name = f"{family.name}_total" if family.type == "counter" else family.name
        lines += [f"# HELP {name} {family.documentation}", f"# TYPE {name} {family.type}"]
        suffixes = ("_bucket", "_count", "_sum") if family.type == "histogram" else ("",)
        for suffix in suffixes:
            lines += [_line(key, values[key]) for key in by_name.get(name + suffix, [])]
    return ("\n".join(lines) + "\n").encode()


def _line(key: _Key, value: float) -> str:
    # Label values are of closed sets, without a character that would need an escape.
    labels = ",".join(f'{name}="{text}"' for name, text in key[1])
    return f"{key[0]}{{{labels}}} {value!r}" if labels else f"{key[0]} {value!r}"
