"""`make proof`: every operation of the matrix so many times under load on a real Kafka, and what was lost by it.

Prints a table; ends with 0 when every promise was kept, 1 when one was broken. A seed gives the same runs again.
Runs that touch no broker go side by side (`--jobs`), those that do one after the other on three brokers.
"""

import argparse
import json
import shutil
import sys
import traceback
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from tests.system.kafka_cluster import KafkaCluster
from tests.system.kafka_jars import kafka_jars
from tests.system.proof.operations import GROUPS, OPERATIONS
from tests.system.proof.plan import plan
from tests.system.proof.table import keep, results, table
from tests.system.proof.trial import Found, Trial, as_value, play


class Proof:
    """A proof under way: its trials, and the folder where their results are kept."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.results = folder / "results.jsonl"

    def run(self, trials: Sequence[Trial], jobs: int) -> None:
        """Play all trials."""
        side_by_side = [each for each in trials if not each.brokers]
        alone = [each for each in trials if each.brokers]
        if side_by_side:
            with KafkaCluster(kafka_jars()) as cluster, ThreadPoolExecutor(jobs) as pool:
                for found in pool.map(lambda trial: self._play(trial, cluster), side_by_side):
                    keep(self.results, found)
        if alone:
            with KafkaCluster(kafka_jars(), size=3) as cluster:
                for trial in alone:
                    keep(self.results, self._play(trial, cluster))

    def _play(self, trial: Trial, cluster: KafkaCluster) -> list[Found]:
        began = datetime.now(UTC)
        try:
            found = play(trial, cluster, self.folder)
        except Exception:  # noqa: BLE001  a trial that broke down is no proof, and the others go on
            fault = traceback.format_exc()
            found = [
                Found(name, OPERATIONS[name].group, trial.seed, 0.0, broken=[fault])
                for name in trial.operations
            ]
        seconds = (datetime.now(UTC) - began).total_seconds()
        broken = [each for each in found if each.broken]
        told = f"{len(broken)} BROKEN, {self.folder / trial.name}" if broken else "kept"
        print(
            f"{datetime.now(UTC):%H:%M:%S} {trial.name} of {len(found)} operations in {seconds:.0f} s: {told}"
        )
        for each in broken:
            print(f"  !! {each.operation}: " + "\n     ".join(each.broken[:5]), flush=True)
        return found


def main() -> int:
    """Read the command line and prove; return the exit code."""
    chosen = _command_line()
    folder: Path = chosen.folder or Path(".postcall/proof") / f"{datetime.now(UTC):%Y%m%d-%H%M%S}"
    proof = Proof(folder.resolve())
    trials = plan(chosen.groups or GROUPS, _seeds(chosen.seeds))
    if chosen.trial:
        trials = [each for each in trials if each.name in chosen.trial]
    if chosen.plan:
        for trial in trials:
            print(f"{trial.name}: {', '.join(trial.operations)}")
        return 0
    proof.folder.mkdir(parents=True, exist_ok=True)
    for trial in trials:
        shutil.rmtree(proof.folder / trial.name, ignore_errors=True)
    proof.run(trials, chosen.jobs)
    found = results(proof.results)
    clean = not any(each.broken for each in found)
    _show(found, chosen.json)
    print(
        f"{'EVERY PROMISE KEPT' if clean else 'BROKEN'}; the results are in {proof.results}", file=sys.stderr
    )
    return 0 if clean else 1


def _command_line() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="proof", description=__doc__)
    named = f"some of {', '.join(GROUPS)}; without any: all"
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=named)
    parser.add_argument("--seeds", default="10", help="how many, or from which to which: 4-7")
    parser.add_argument("--jobs", type=int, default=2, help="so many runs side by side")
    parser.add_argument("--folder", type=Path, help="where results are added, and evidence is kept")
    parser.add_argument("--trial", action="append", help="only this one, by its name: failpoints-3-2")
    parser.add_argument(
        "--json", action="store_true", help="print a JSON line for each operation that was done"
    )
    parser.add_argument("--plan", action="store_true", help="print what would be done, and do nothing")
    chosen = parser.parse_args()
    if unknown := [each for each in chosen.groups if each not in GROUPS]:
        parser.error(f"found {', '.join(unknown)}; expected some of {', '.join(GROUPS)}")
    return chosen


def _seeds(text: str) -> Iterable[int]:
    first, dash, last = text.partition("-")
    return range(int(first), int(last) + 1) if dash else range(1, int(first) + 1)


def _show(found: Sequence[Found], as_json: bool) -> None:
    print("\n".join(json.dumps(as_value(each)) for each in found) if as_json else table(found))


if __name__ == "__main__":
    sys.exit(main())
