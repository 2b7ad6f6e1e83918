"""What the group coordinator's answers say about the lease."""

from typing import Any

from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import NoError, RebalanceInProgressError
from aiokafka.protocol.group import HeartbeatRequest, SyncGroupRequest

from agents.kafka.lease import Lease

ALIVE = {NoError.errno, RebalanceInProgressError.errno}
"""While a rebalance is prepared the broker still counts us in, until its rebalance time-out."""


def watch_membership(coordinator: GroupCoordinator, lease: Lease) -> None:
    """Let every answer of this coordinator renew, grant or end the lease."""
    ask, forget = coordinator._send_req, coordinator.reset_generation

    async def ask_and_note(request: Any) -> Any:
        sent_at, generation = lease.now(), coordinator.generation
        answer = await ask(request)
        if isinstance(request, HeartbeatRequest) and answer.error_code in ALIVE:
            lease.renew(sent_at, generation)
        elif isinstance(request, SyncGroupRequest) and answer.error_code == NoError.errno:
            lease.grant(sent_at, generation)
        return answer

    def forget_and_expel() -> None:
        lease.expel()
        forget()

    coordinator._send_req = ask_and_note
    coordinator.reset_generation = forget_and_expel


def leave_for_good(coordinator: GroupCoordinator) -> None:
    """Make the coming stop tell the group, which a static member does not do by itself.

    Others then own its partitions after 1.5 to 3 seconds, not after a whole session.
    """
    coordinator._group_instance_id = None
