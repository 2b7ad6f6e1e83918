"""The ledger and the engine, each by a reading of its own, agree on calls and documents of any kind.

Every disagreement is a fault of one of them: of the judge that the test runs are judged by, or of the judged.
"""

from random import Random

import pytest

from agents.ledger.documents import Documents
from agents.ledger.oracle import judge
from agents.ledger.report import report
from tests.agents.ledger.lives import answers, calls, documents
from tests.agents.ledger.playing import play


@pytest.mark.parametrize("block", range(10))
def test_any_calls_of_any_workflow_are_judged_as_the_engine_lived_them(block: int) -> None:
    for seed in range(40 * block, 40 * block + 40):
        dice = Random(seed)
        applied = documents(dice)
        witnesses = play(applied, calls(dice, 6), answers(dice))
        judgement = judge(witnesses, Documents.of(applied))
        assert not judgement.violations, report(judgement, witnesses, f"seed {seed}: {applied}")
