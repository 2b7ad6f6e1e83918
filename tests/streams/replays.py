"""A call of which something was given up, for the tests of replays and of disabled endpoints."""

from schemas.delivery import Answered, Delivery
from schemas.endpoints import Mark
from streams.definitions import Snapshot
from tests.builders import CallStory, call
from tests.streams.engine import Engine
from tests.streams.tales import api, documents, flow

DEAD = Answered(404)
ENDED = call().answered(agent_id="bot").ended("end_node", end_node_id="resolved")
CHAIN = flow(
    (
        api("crm", {"who": "{{ call.id }}"}),
        api("mail", {"ticket": "{{ nodes.crm.response.body.ticket }}"}),
        api("thanks"),
        api("alarm"),
        api("log"),
    ),
    "resolved>crm crm>mail mail>thanks crm>alarm:failure crm>log:always",
)


def engine(*hooks: str, told: CallStory = ENDED) -> Engine:
    """A proper end, all of whose first requests are on their way."""
    return Engine(documents(CHAIN, *hooks)).hear(told)


def given_up(*hooks: str) -> Engine:
    """crm is dead, its failure and always branches have run, and the call is over."""
    return engine(*hooks).reply("crm", DEAD).reply("alarm").reply("log").settle()


def newest(told: Engine, name: str) -> Delivery:
    """The last attempt that was asked for under this name."""
    return [one for one in told.started if one.id == name][-1]


def disabled(told: Engine, *names: str) -> Engine:
    """From now on all workers know these endpoints of `bot` as disabled, and no others."""
    marks = {f"bot/{name}": Mark(disabled=True, why="status_410") for name in names}
    told.documents = Snapshot(told.documents.workflows, told.documents.agents, marks)
    return told
