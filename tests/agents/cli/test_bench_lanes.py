"""The scheduler's own report: a shared pool against lanes, and the return of an endpoint that was down."""

import json

from tests.agents.cli.test_command_line import postcall


def test_the_report_is_json_on_stdout_and_nothing_else() -> None:
    done = postcall("bench", "lanes", "--json")
    report = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert report["shared_pool"]["healthy_p99_seconds"] > 5
    assert report["lanes"]["healthy_p99_seconds"] < 0.02
    back = report["recovery"]
    assert (back["delivered"], back["deliveries"]) == (100_000, 100_000)
    assert back["attempts_while_down"] < 30
    assert sum(back["started_by_second"][:5]) <= 52


def test_people_get_a_table() -> None:
    done = postcall("bench", "lanes")
    assert (done.returncode, done.stderr) == (0, "")
    assert "a shared pool" in done.stdout


def test_without_a_name_the_benchmarks_are_listed() -> None:
    done = postcall("bench")
    assert "lanes" in done.stdout + done.stderr
    assert done.returncode == 2
