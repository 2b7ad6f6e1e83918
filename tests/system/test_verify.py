"""`postcall verify` finds a run clean that was, finds what somebody took away, and says the same again offline."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.readme import ROOT, commands
from tests.system.brokers import ServedBroker
from tests.system.documents import SECRET_VALUE
from tests.system.load import Mixture
from tests.system.runs import Run, open_run
from tests.system.workers import Setting
from tests.test_readme import shell

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(180)]

PAGE = ROOT / "docs" / "verify.md"
SLACK = ("--slack", "2")


@pytest.fixture(scope="module")
def run(kafka: ServedBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A run that is over, with its worker still there."""
    folder = tmp_path_factory.mktemp("verify")
    with open_run(kafka.bootstrap, folder, Mixture(calls=80, seed=61, seconds=3)) as run:
        run.fleet.add()
        run.tell()
        judgement = run.settle(undisturbed=True)
        assert judgement.violations == ()
        yield run


def verified(run: Run, *arguments: str, code: int = 0) -> Any:
    done = run.setting.run("verify", *SLACK, *arguments, "--json")
    assert done.returncode == code, done.stdout[-3000:] + done.stderr
    return json.loads(done.stdout)


def of(found: Any, name: str) -> tuple[int, int]:
    """How much was looked at for an invariant, and how much broke it."""
    (one,) = (each for each in found["invariants"] if each["invariant"] == name)
    return one["looked_at"], one["violations"]


def spoilt(run: Run, folder: Path, path: str) -> tuple[Path, str]:
    """The receiver's file without the requests to a path of one call, and the call."""
    lines = [json.loads(line) for line in run.receiver.log.read_text().splitlines()]
    call = next(each for each in lines if each["path"] == path)["headers"]["postcall-call-id"]
    kept = [each for each in lines if (each["path"], each["headers"]["postcall-call-id"]) != (path, call)]
    file = folder / "spoilt.jsonl"
    file.write_text("".join(json.dumps(each) + "\n" for each in kept))
    return file, call


def test_a_run_that_went_well_is_clean_and_every_part_was_looked_at(run: Run, tmp_path: Path) -> None:
    (worker,) = run.fleet.workers
    planted = tmp_path / "planted.txt"
    planted.write_text(f"{SECRET_VALUE}\n")
    found = verified(
        run,
        *("--receiver", str(run.receiver.log), "--planted", str(planted), "--logs", str(worker.log)),
        *("--metrics", f"http://127.0.0.1:{worker.port}"),
    )
    assert found["clean"]
    assert found["violations"] == []
    names = ("lost", "phantom", "key", "body", "repeated", "order", "verdict", "count", "secret")
    assert all(of(found, name)[0] > 0 for name in names)
    assert found["calls"] == {"judged": 80, "open": []}


def test_without_a_receivers_file_the_log_is_the_witness_and_it_says_what_that_cannot_tell(run: Run) -> None:
    found = verified(run)
    assert found["witnesses"]["requests"] is None
    assert of(found, "lost")[0] > 80
    assert of(found, "body") == (0, 0)
    assert {"body", "pace"} <= {each["invariant"] for each in found["not_judged"]}


def test_a_request_that_nobody_saw_is_lost_and_its_call_is_told_as_it_went(run: Run, tmp_path: Path) -> None:
    file, call = spoilt(run, tmp_path, "/node/record_metrics")
    found = verified(run, "--receiver", str(file), code=1)
    assert {(each["invariant"], each["call_id"]) for each in found["violations"]} == {("lost", call)}
    told = "\n".join(found["timelines"][call])
    assert "says call.outcome PROPER" in told
    assert "logged node record_metrics" in told

    shown = run.setting.run("verify", *SLACK, "--receiver", str(file), "--call", call)
    assert shown.returncode == 1
    assert "!! lost: no request of node record_metrics" in shown.stdout
    assert f"--- {call}: expected PROPER" in shown.stdout


def test_evidence_that_was_kept_is_judged_to_the_same_bytes(run: Run, tmp_path: Path) -> None:
    file, _ = spoilt(run, tmp_path, "/hook/call.ended")
    kept = tmp_path / "kept"
    for form in ((), ("--json",)):
        live = run.setting.run("verify", *SLACK, "--receiver", str(file), "--save", str(kept), *form)
        again = offline(run.setting, "--evidence", str(kept), *form)
        assert (live.returncode, again.returncode) == (1, 1), again.stderr
        assert live.stdout == again.stdout


def test_a_call_by_itself_is_judged_by_itself(run: Run) -> None:
    assert run.load is not None
    call = next(iter(run.load.expected))
    found = verified(run, "--receiver", str(run.receiver.log), "--call", call)
    assert found["clean"]
    assert found["calls"]["judged"] == 1


def test_since_leaves_out_what_began_before(run: Run) -> None:
    found = verified(run, "--receiver", str(run.receiver.log), "--since", "2999-01-01T00:00:00Z")
    assert (found["clean"], found["calls"]["judged"]) == (True, 0)


def test_the_commands_of_the_page_do_what_it_says(run: Run, tmp_path: Path) -> None:
    shutil.copyfile(run.receiver.log, tmp_path / "receiver.jsonl")
    for mark in ("run: kafka", "run"):
        for command in commands(mark, PAGE):
            ended, printed = shell(command.line, tmp_path, run.setting.environment())
            assert ended == 0, f"{command.line}: {printed}"


def offline(setting: Setting, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command where no broker is."""
    nowhere = Setting("127.0.0.1:9", setting.name, setting.folder)
    return nowhere.run("verify", *arguments)
