"""What was planted is found nowhere, and a search that can find things says so.

Secrets in every auth and every place of a request, echoed by the receiver in every spelling; personal data
in every place of an event, under rules; successes, failures, retries, dead letters. Then every topic, row,
file, log line, metric and answer of a command is searched. On a real Kafka.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.agents.http.certificates import Authority
from tests.system import planted
from tests.system.brokers import ServedBroker
from tests.system.echoing import TOKEN, b64, echoing
from tests.system.kafka_topics import produce
from tests.system.planted import CONTROL, PERSONAL, SECRETS
from tests.system.searching import in_files, in_rows, in_topics, latest, leaks, records
from tests.system.workers import Fleet, Setting

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]

COMPOSED = (TOKEN, f"u:{SECRETS['T_BASIC']}", "planted-privacy-key-88", "planted-web-token-99")


def test_planted_secrets_and_personal_data_are_found_nowhere(kafka: ServedBroker, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.mkdir()
    authority = Authority(keys)
    setting = Setting(
        kafka.bootstrap, f"leaks-{time.time_ns():x}", tmp_path, 2, planted.environment(tmp_path, authority)
    )
    tls = authority.issue("server", "localhost").server(client_authority=authority.cert)
    with echoing() as port, echoing(tls) as tls_port, Fleet(setting) as fleet:
        documents = planted.documents(planted.Endpoints(port, tls_port, authority))
        setting.apply(documents)
        (worker,) = fleet.add()
        told = [
            *planted.events("proper"),
            *planted.events("early", end="caller_hangup"),
            *planted.events("open", end=None),
        ]
        produce(setting.bootstrap, f"{setting.prefix}call-events", planted.as_records(told))
        _wait(lambda: _settled(setting) >= {"proper", "early"}, "both calls settled")
        metrics = worker.get("/metrics")[1]
        said = _commands(setting, documents, told)
        # While it runs, its log has every row as it was; at the stop RocksDB packs them.
        files = list(in_files(tmp_path / worker.name))
        worker.terminate()
        assert worker.wait() == 0
    topics = records(setting)
    _assert_all_happened(topics, setting)
    files += in_files(tmp_path / worker.name)
    rows, logs = list(in_rows(tmp_path / worker.name)), list(in_files(worker.log))
    shown = [("/metrics", metrics.encode()), *logs, *rows, *files, *said]
    secrets = [*SECRETS.values(), *COMPOSED, planted.key_line(keys)]
    assert leaks([*in_topics(topics), *shown], secrets) == set()
    private = {name: read for name, read in topics.items() if not name.endswith("call-events")}
    assert leaks([*in_topics(private), *shown], PERSONAL.values()) == set()
    _assert_the_search_can_find(topics, setting, {"rows": rows, "files": files, "commands": said})
    assert b"agent/leaky-bot" in logs[0][1]


def test_an_erased_call_is_in_no_row_and_in_no_latest_record(kafka: ServedBroker, tmp_path: Path) -> None:
    setting = Setting(kafka.bootstrap, f"erase-{time.time_ns():x}", tmp_path, 2, {"POSTCALL_LOST_LIVE": "1h"})
    changelog = f"{setting.name}-calls-changelog"
    with echoing() as port, Fleet(setting) as fleet:
        setting.apply(_patient_documents(port))
        (worker,) = fleet.add()
        told = [*planted.events("gone"), *planted.events("kept")]
        produce(setting.bootstrap, f"{setting.prefix}call-events", planted.as_records(told))
        _wait(lambda: _attempted(setting) >= {"gone", "kept"}, "an attempt for both calls")
        assert _found_in_latest(setting, "gone")
        erased = setting.run("erase", "gone", "--json")
        assert json.loads(erased.stdout)["ok"]
        assert setting.run("erase", "never-heard-of").returncode == 0
        _wait(lambda: not _found_in_latest(setting, "gone"), "the call to be erased")
        produce(setting.bootstrap, f"{setting.prefix}call-events", planted.as_records(planted.events("gone")))
        _wait(lambda: _counted(worker.scrape(), 'result="duplicate"') >= 10, "the same events again")
        worker.terminate()
        assert worker.wait() == 0
    topics = records(setting)
    rows = [content for _, content in in_rows(tmp_path / worker.name)]
    assert not [one for one in rows if b"gone" in one and _personal_in(one)]
    assert [one for one in rows if b"kept" in one and _personal_in(one)]
    assert not [one for one in latest(topics[changelog]) if b"never-heard-of" in (one.key or b"")]
    (settled,) = [
        one.json for one in topics[f"{setting.prefix}call-outcomes"] if one.json["type"] == "call.settled"
    ]
    assert (settled["call_id"], {one["result"] for one in settled["deliveries"]}) == ("gone", {"erased"})


def test_erase_needs_a_broker_and_topics(kafka: ServedBroker, tmp_path: Path) -> None:
    setting = Setting(kafka.bootstrap, f"none-{time.time_ns():x}", tmp_path)
    refused = setting.run("erase", "c-1")
    assert (refused.returncode, "expected one, which the first worker creates" in refused.stderr) == (1, True)
    unreachable = Setting("127.0.0.1:1", "none", tmp_path).run("erase", "c-1")
    assert unreachable.returncode == 3


def _patient_documents(port: int) -> list[dict[str, Any]]:
    """One node whose endpoint fails, and whose next attempt is far away."""
    url = f"http://127.0.0.1:{port}/500"
    node = {
        "id": "crm",
        "type": "post_call_api",
        "url": url,
        "retry": {"schedule": ["1h"]},
        "body": "{{ variables }}",
    }
    nodes = [{"id": "greet", "type": "default", "start": True}, {"id": "resolved", "type": "end_call"}, node]
    edges = [{"source": "greet", "target": "resolved"}, {"source": "resolved", "target": "crm"}]
    workflow = {"kind": "workflow", "id": "leaky", "version": 1, "nodes": nodes, "edges": edges}
    return [workflow, {"kind": "agent", "id": "leaky-bot", "workflow": "leaky"}]


def _commands(
    setting: Setting, documents: list[dict[str, Any]], told: list[dict[str, Any]]
) -> list[tuple[str, bytes]]:
    """What the commands that show something say."""
    files = [str(setting.folder / f"{each['kind']}-{each['id']}.json") for each in documents]
    events = setting.folder / "events.jsonl"
    events.write_text("\n".join(map(json.dumps, told)))
    asked = [
        *(["get", each, "--json"] for each in ("agents", "workflows", "leaky-bot", "workflows/leaky")),
        *(["get", "leaky-bot"], ["config"], ["config", "--json"], ["validate", *files, "--json"]),
        *(
            ["simulate", *files, "--events", str(events)],
            ["simulate", *files, "--events", str(events), "--json"],
        ),
    ]
    shown = []
    for arguments in asked:
        ran = setting.run(*arguments)
        assert ran.returncode == 0, ran.stderr
        shown.append((" ".join(arguments[:2]), (ran.stdout + ran.stderr).encode()))
    return shown


def _assert_all_happened(topics: dict[str, Any], setting: Setting) -> None:
    """Every auth got through, every failure failed as it should: else nothing was tried."""
    log = [one.json for one in topics[f"{setting.prefix}delivery-log"]]
    classes = {one["id"]: one["class"] for one in log if one["call_id"] == "proper" and one["kind"] == "node"}
    good = ("bearer", "basic", "key", "query", "hmac", "oauth", "mtls", "address")
    assert {name: classes.get(name) for name in good} == dict.fromkeys(good, "success")
    assert (classes["failing"], classes["rejected"], classes["refused"]) == (
        "transient",
        "rejected",
        "unsent",
    )
    assert (classes["closed"], classes["unknown"]) == ("ambiguous", "ours")
    letters = {one.json.get("id") for one in topics[f"{setting.prefix}dead-letters"]}
    assert letters >= {"failing", "rejected", "refused", "closed", "unknown", "unrendered"}


def _assert_the_search_can_find(topics: dict[str, Any], setting: Setting, shown: dict[str, Any]) -> None:
    """The control lies where the planted things could; and what is planted is where it may be."""
    internal, changelog = f"{setting.name}-internal", f"{setting.name}-calls-changelog"
    for name in (internal, changelog):
        assert leaks(in_topics({name: topics[name]}), [CONTROL])
    for haystack in shown.values():
        assert leaks(haystack, [CONTROL])
    events = f"{setting.prefix}call-events"
    assert {text for text, _ in leaks(in_topics({events: topics[events]}), PERSONAL.values())} == {
        *PERSONAL.values()
    }
    masked = [one for one in topics[internal] if b"***" in (one.value or b"")]
    assert masked, "found no masked echo; expected the receiver's replies to hold some"
    assert leaks([("a spelling", b64(SECRETS["T_BEARER"]).encode())], SECRETS.values())


def _settled(setting: Setting) -> set[str]:
    return {
        one.json["call_id"] for one in _read(setting, "call-outcomes") if one.json["type"] == "call.settled"
    }


def _attempted(setting: Setting) -> set[str]:
    return {one.json["call_id"] for one in _read(setting, "delivery-log")}


def _read(setting: Setting, name: str) -> Any:
    return records(setting)[f"{setting.prefix}{name}"]


def _found_in_latest(setting: Setting, call_id: str) -> bool:
    read = latest(records(setting)[f"{setting.name}-calls-changelog"])
    return any(call_id.encode() in (one.key or b"") and _personal_in(one.value or b"") for one in read)


def _personal_in(content: bytes) -> bool:
    return bool(leaks([("", content)], PERSONAL.values()))


def _counted(scraped: dict[str, float], label: str) -> float:
    return sum(
        value
        for series, value in scraped.items()
        if series.startswith("postcall_events_total") and label in series
    )


def _wait(happened: Callable[[], bool], what: str, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < until, f"found no {what} within {seconds} s"
        time.sleep(0.5)
