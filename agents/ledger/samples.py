"""Reads and writes what a run measured of its workers, and when it disturbed them: one JSON object a line.

A sample: {"at": seconds since 1970, "worker": name, "lag", "ready", "live", "assigned", "recovering", "stuck",
"memory_bytes", "pid"}, each but `at` only where it was looked at. A disturbance: {"since", "until", "what",
"workers": whether workers or brokers were disturbed, else endpoints}.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from agents.ledger.witnesses import Disturbance, Sample

Read = tuple[tuple[Sample, ...], tuple[Disturbance, ...]]


def read_samples(path: Path) -> Read:
    """The samples and disturbances of a file. Raises ValueError, naming the line."""
    samples: list[Sample] = []
    disturbances: list[Disturbance] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            said = json.loads(line)
            if "since" in said:
                disturbances.append(Disturbance(**said))
            else:
                samples.append(Sample(**said))
        except (ValueError, TypeError) as fault:
            raise ValueError(f"{path}:{number}: found {fault}; expected a sample or a disturbance") from None
    return tuple(samples), tuple(disturbances)


def write_samples(path: Path, samples: Iterable[Sample], disturbances: Iterable[Disturbance]) -> None:
    """Write them so that they are read as they are. Raises OSError."""
    told = (*map(asdict, disturbances), *map(asdict, samples))
    lines = ({name: value for name, value in each.items() if value is not None} for each in told)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
