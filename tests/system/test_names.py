"""Names that answer late, not yet, or with an address that nobody may reach, asked by a running worker."""

import time
from pathlib import Path

import pytest

from tests.system.brokers import ServedBroker
from tests.system.documents import documents
from tests.system.loaded import under_load
from tests.system.names import serving_names

pytestmark = [pytest.mark.kafka, pytest.mark.faults, pytest.mark.slow, pytest.mark.timeout(240)]

_METADATA = "169.254.169.254"


def test_slow_missing_and_forbidden_names_delay_or_end_their_own_requests_alone(
    kafka: ServedBroker, tmp_path: Path
) -> None:
    with serving_names(tmp_path) as names, under_load(kafka.bootstrap, tmp_path, 97, workers=0) as run:
        port = run.receiver.url.rpartition(":")[2]
        (_, agent) = documents(run.receiver.url)
        for hook, name in (
            ("call.ended", "slow.test"),
            ("call.completed", "later.test"),
            ("call.transferred", "mixed.test"),
            ("call.premature", "forbidden.test"),
        ):
            agent["webhooks"][hook]["url"] = f"http://{name}:{port}/hook/{hook}"
        run.setting.apply([agent])
        names.addresses |= {
            "slow.test": ["127.0.0.1"],
            "mixed.test": [_METADATA, "127.0.0.1"],
            "forbidden.test": [_METADATA],
        }
        names.late["slow.test"] = 2.0
        run.fleet.add(2, around=names.around)
        run.tell()
        time.sleep(5)
        run.note("the name that was not there is there now")
        names.addresses["later.test"] = ["127.0.0.1"]
        judgement = run.settle(seconds=20)
        assert names.asked.keys() == {"slow.test", "later.test", "mixed.test", "forbidden.test"}
        unsent = "no request for webhooks {'call.premature': 1}"
        others = [each for each in judgement.violations if each.found != unsent]
        assert (others, judgement.repeats) == ([], 0)
        assert run.witnesses is not None
        said = [each.json for each in run.witnesses.deliveries if each.json["id"] == "call.premature"]
        assert {(each["class"], each["error"], each["next_at"]) for each in said} == {
            ("ours", "egress_denied", None)
        }
        assert not [seen for seen in run.witnesses.seen if seen.path == "/hook/call.premature"]
