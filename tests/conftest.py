"""What all tests share: the broker of the run, and what the run says about it.

The broker starts when the first test asks for it. Tests marked `kafka` prove nothing on the embedded test
cluster and are skipped there; where CI is set they must not be, and the run fails instead.

In a run of several processes (`-n`) the one that leads starts the broker for all of them. Most of what
takes long here is waiting, so processes share the cores well; the slow tests go first.
"""

import os
import shutil
from contextlib import ExitStack
from typing import Any, NoReturn

import pytest

from tests.dealing import dealt
from tests.system.brokers import ServedBroker, foreseen_broker, open_broker

_NO_REAL_KAFKA = 3
"""The exit code of a run that needed a real Kafka and had none."""


class BrokerOfTheRun:
    """Starts the broker at the first question and remembers it."""

    def __init__(self) -> None:
        self._owner = ExitStack()
        self.served: ServedBroker | None = None
        self.unproven: list[str] = []
        """The tests that were skipped for want of a real Kafka."""
        self.lacking: list[str] = []
        """The tests that were skipped for want of a program, and of which."""

    def open(self) -> ServedBroker:
        """Return the broker, started by now."""
        if self.served is None:
            self.served = open_broker(self._owner, os.environ)
        return self.served

    def close(self) -> None:
        """Stop the broker, if one was started."""
        self._owner.close()


_RUN = pytest.StashKey[BrokerOfTheRun]()


def pytest_configure(config: pytest.Config) -> None:
    """Keep the broker of the run beside its configuration."""
    config.stash[_RUN] = BrokerOfTheRun()


def pytest_sessionstart(session: pytest.Session) -> None:
    """Where this process leads others, start the broker for all."""
    config = session.config
    leads = bool(config.getoption("numprocesses", 0)) and not hasattr(config, "workerinput")
    if not leads or "not kafka" in config.option.markexpr:
        return
    broker = config.stash[_RUN].open()
    if broker.real:
        os.environ["POSTCALL_TEST_BROKER"] = broker.bootstrap
    elif os.environ.get("CI") == "true":
        _refuse(broker)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The slow tests first, in every process of the run: the last to end should be a short one."""
    processes = int(getattr(config, "workerinput", {}).get("workercount", 1))
    items[:] = dealt(items, processes, lambda item: item.get_closest_marker("slow") is not None)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over what another process of the run could not prove."""
    run, told = node.config.stash[_RUN], getattr(node, "workeroutput", {})
    run.unproven += told.get("unproven", [])
    run.lacking += told.get("lacking", [])


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tell the process that leads what was not proven here."""
    if hasattr(session.config, "workeroutput"):
        run = session.config.stash[_RUN]
        session.config.workeroutput |= {"unproven": run.unproven, "lacking": run.lacking}


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the broker with the run."""
    config.stash[_RUN].close()


def pytest_report_header(config: pytest.Config) -> str:
    """Say which broker the run would use."""
    return f"kafka: {foreseen_broker(os.environ)}; it starts when a test asks for it"


def pytest_collection_finish(session: pytest.Session) -> None:
    """Under CI, refuse a run whose Kafka tests would be skipped."""
    needing = [item.nodeid for item in session.items if item.get_closest_marker("kafka")]
    if os.environ.get("CI") != "true" or not needing or session.config.option.collectonly:
        return
    broker = session.config.stash[_RUN].open()
    if not broker.real:
        _refuse(broker)


def _refuse(broker: ServedBroker) -> NoReturn:
    why = "; ".join(broker.passed_over)
    found = f"CI=true requires a real Kafka, but found {broker.served_by} ({why})"
    pytest.exit(found, returncode=_NO_REAL_KAFKA)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what only a real Kafka or a missing program can prove; under CI nothing may be skipped."""
    run = item.config.stash[_RUN]
    lacking = [
        program
        for mark in item.iter_markers("needs")
        for program in mark.args
        if shutil.which(program) is None
    ]
    if lacking and os.environ.get("CI") == "true":
        pytest.fail(f"found no {', '.join(lacking)}; expected them under CI", pytrace=False)
    if lacking:
        run.lacking.append(f"{item.nodeid} ({', '.join(lacking)})")
        pytest.skip(f"needs {', '.join(lacking)}")
    if item.get_closest_marker("kafka") and not run.open().real:
        run.unproven.append(item.nodeid)
        pytest.skip("needs a real Kafka, and the embedded test cluster serves")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say which broker served, and in one line what could not be proven with it."""
    run = config.stash[_RUN]
    if run.lacking:
        terminalreporter.write_line(f"NOT PROVEN for want of a program: {', '.join(run.lacking)}", red=True)
    if run.served is None:
        terminalreporter.write_line("kafka: no test asked for a broker")
        return
    terminalreporter.write_line(f"kafka: served by {run.served.served_by}")
    if run.served.passed_over:
        terminalreporter.write_line(f"kafka: passed over {' · '.join(run.served.passed_over)}")
    if run.unproven:
        files = ", ".join(sorted({node.split("::")[0] for node in run.unproven}))
        terminalreporter.write_line(
            f"kafka: NOT PROVEN for want of a real Kafka: {len(run.unproven)} tests of {files}", red=True
        )


@pytest.fixture(scope="session")
def kafka(pytestconfig: pytest.Config) -> ServedBroker:
    """Serve the broker of the run: `.bootstrap`, `.served_by`, `.real`."""
    return pytestconfig.stash[_RUN].open()
