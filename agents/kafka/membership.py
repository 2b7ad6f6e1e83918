"""What the group coordinator's answers say about the lease.

aiokafka's heartbeat does not say which static member it comes from. A worker whose place was taken by
another one of the same instance id then looks like one whose session has expired: it joins again, and
the two throw each other out for ever. With the instance id the broker answers that we are fenced. A commit names no
static member either, and may be refused before the next heartbeat is due: so whoever was forgotten asks once more by
a heartbeat, under the name that it had, before it joins again.
"""

from collections.abc import Callable
from typing import Any, ClassVar, NoReturn

from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import NoError, RebalanceInProgressError
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.group import HeartbeatRequest, JoinGroupRequest, SyncGroupRequest
from aiokafka.protocol.types import Int16, Int32, Schema, String

from agents.kafka.gate import exit_replaced
from agents.kafka.lease import Lease

ALIVE = {NoError.errno, RebalanceInProgressError.errno}
"""While a rebalance is prepared the broker still counts us in, until its rebalance time-out."""

FENCED = 82
"""FENCED_INSTANCE_ID, which aiokafka does not know."""


class StaticHeartbeatAnswer(Response):  # type: ignore[misc]  # aiokafka is untyped
    """Heartbeat, version 3."""

    API_KEY = 12
    API_VERSION = 3
    SCHEMA = Schema(("throttle_time_ms", Int32), ("error_code", Int16))


class StaticHeartbeatStruct(RequestStruct):  # type: ignore[misc]  # aiokafka is untyped
    """Heartbeat, version 3: the first that names the static member."""

    API_KEY = 12
    API_VERSION = 3
    RESPONSE_TYPE = StaticHeartbeatAnswer
    SCHEMA = Schema(
        ("group", String("utf-8")),
        ("generation_id", Int32),
        ("member_id", String("utf-8")),
        ("group_instance_id", String("utf-8")),
    )


class StaticHeartbeat(Request[StaticHeartbeatStruct]):  # type: ignore[misc]  # aiokafka is untyped
    """The heartbeat of a static member."""

    API_KEY: ClassVar[int] = 12

    def __init__(self, coordinator: GroupCoordinator) -> None:
        self._words = (
            coordinator.group_id,
            coordinator.generation,
            coordinator.member_id,
            coordinator._group_instance_id,
        )

    def build(self, request_struct_class: Any) -> Any:
        """The bytes to be."""
        return request_struct_class(*self._words)


def watch_membership(
    coordinator: GroupCoordinator, lease: Lease, fenced: Callable[[], NoReturn] = exit_replaced
) -> None:
    """Let every answer of this coordinator renew, grant or end the lease.

    `fenced` is called when another worker runs under our instance id: only one of the two may go on.
    """
    ask, forget = coordinator._send_req, coordinator.reset_generation
    former: list[StaticHeartbeat] = []

    def end_if_fenced(code: int) -> None:
        if code == FENCED:
            lease.expel()
            fenced()

    async def ask_and_note(request: Any) -> Any:
        sent_at, generation = lease.now(), coordinator.generation
        beat = isinstance(request, HeartbeatRequest)
        static = beat and coordinator._group_instance_id is not None
        if isinstance(request, JoinGroupRequest) and former:
            end_if_fenced((await ask(former[-1])).error_code)
            former.clear()
        answer = await ask(StaticHeartbeat(coordinator) if static else request)
        code = getattr(answer, "error_code", NoError.errno)
        end_if_fenced(code)
        if beat and code in ALIVE:
            lease.renew(sent_at, generation)
        elif isinstance(request, SyncGroupRequest) and code == NoError.errno:
            lease.grant(sent_at, generation)
        return answer

    def forget_and_expel() -> None:
        lease.expel()
        if coordinator._group_instance_id is not None and coordinator.member_id:
            former[:] = [StaticHeartbeat(coordinator)]
        forget()

    coordinator._send_req = ask_and_note
    coordinator.reset_generation = forget_and_expel


def leave_for_good(coordinator: GroupCoordinator) -> None:
    """Make the coming stop tell the group, which a static member does not do by itself.

    Others then own its partitions after 1.5 to 3 seconds, not after a whole session.
    """
    coordinator._group_instance_id = None
