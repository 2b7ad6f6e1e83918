"""The last door before the socket: no changelog batch passes it without a lease.

A worker that was suspended (SIGSTOP, a sleeping laptop, a stalled host) wakes up with batches ready
to go, while another worker has long owned its partitions. Written now, they would overwrite newer
state. Faust and aiokafka have no fencing for this. What the kernel already has in a socket buffer is
beyond reach.
"""

import logging
import os
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from aiokafka.producer.sender import Sender
from aiokafka.structs import TopicPartition

from agents import failpoints
from agents.kafka.lease import Lease

log = logging.getLogger(__name__)

EXPELLED = 75
"""Exit status of a worker that holds state nobody may see (EX_TEMPFAIL: start it again)."""


def exit_expelled() -> NoReturn:
    """End the process at once: no buffer may be flushed on the way out."""
    log.critical("expelled from the group with unsent rows, or replaced; exiting with %d", EXPELLED)
    logging.shutdown()
    os._exit(EXPELLED)


def guard_changelog(
    sender: Sender, lease: Lease, changelog: str, expelled: Callable[[], NoReturn] = exit_expelled
) -> None:
    """Hold this sender's batches for `changelog` while the lease has run out.

    The lease comes back with the same generation: they go. We were expelled: `expelled()`, because
    aiokafka has numbered the batch already and cannot take it back.
    """
    send = sender._send_produce_req

    async def send_when_held(node_id: int, batches: Mapping[TopicPartition, Any]) -> None:
        if any(tp.topic == changelog for tp in batches):
            if not await lease.held():
                expelled()
            await failpoints.hit_async("batch-leaving")
        await send(node_id, batches)

    sender._send_produce_req = send_when_held
