"""`make torture SEED=7 MINUTES=60`: seeded random faults and load for as long as asked, then a judgement.

Prints what it does as it happens, and in the end the ledger's table. Ends with 0 when nothing was broken, 1
when something was, 2 when it could not be asked like that.
"""

import argparse
import random
import sys
from datetime import UTC, datetime
from pathlib import Path

from tests.system.torture.course import Torture, open_torture
from tests.system.torture.plan import KINDS, Terms, plan


def main() -> int:
    """Read the command line and torture; return the exit code."""
    parser = argparse.ArgumentParser(prog="torture", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(1, 100_000), help="draws everything")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=15.0, help="calls a second")
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--brokers", type=int, choices=(1, 3), default=3)
    parser.add_argument(
        "--only", action="append", default=[], choices=[each.name for each in KINDS], help="no other faults"
    )
    parser.add_argument("--folder", type=Path, help="where the evidence is kept")
    parser.add_argument("--plan", action="store_true", help="print what would be done, and do nothing")
    chosen = parser.parse_args()
    terms = Terms(
        chosen.seed, chosen.minutes, chosen.rate, chosen.workers, chosen.brokers, tuple(chosen.only)
    )
    if chosen.plan:
        _print_plan(terms)
        return 0
    named = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-seed-{terms.seed}"
    folder: Path = (chosen.folder or Path(".postcall/torture")) / named
    folder.mkdir(parents=True)
    folder = folder.resolve()
    with open_torture(terms, folder) as torture:
        torture.journal.tell(f"{terms}; the evidence is kept in {folder}")
        torture.run()
        return _conclude(torture)


def _conclude(torture: Torture) -> int:
    verdict = torture.judge()
    shown = [
        *verdict.shown,
        verdict.table(f"{torture.terms}; {torture.folder}", len(torture.grounds.fleet.kills)),
    ]
    growths = torture.growths()
    shown += [f"memory    {growth}" for growth in growths] or ["memory    nobody lived long enough to tell"]
    shown += [f"!! {found}" for found in torture.faults_found]
    clean = not verdict.violations and not torture.faults_found and all(each.flat for each in growths)
    shown.append("CLEAN" if clean else "NOT CLEAN")
    text = "\n".join(shown)
    (torture.folder / "judgement.txt").write_text(text + "\n")
    print(text)
    print(f"replay it with: make torture SEED={torture.terms.seed} MINUTES={torture.terms.minutes:g}")
    return 0 if clean else 1


def _print_plan(terms: Terms) -> None:
    for act in plan(terms):
        print(f"act {act.number}: {act.wave.calls} calls in {act.wave.seconds:.0f} s; {act.weather}")
        for fault in act.faults:
            print(f"  {fault.after:4.1f} s later: {fault}")


if __name__ == "__main__":
    sys.exit(main())
