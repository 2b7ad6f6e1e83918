"""The last door before the socket: no changelog batch passes it without a lease.

A worker that was suspended (SIGSTOP, a sleeping laptop, a stalled host) wakes up with batches ready
to go, while another worker has long owned its partitions. Written now, they would overwrite newer
state. Faust and aiokafka have no fencing for this. What the kernel already has in a socket buffer is
beyond reach.

A worker that crashes leaves the group too, and may hold a batch then. It ends with its own reason.
"""

import asyncio
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
    """End the process: the group went on without this worker, which holds rows that nobody may see."""
    _exit("expelled from the group with rows that were not sent")


def exit_replaced() -> NoReturn:
    """End the process: another worker has its instance id."""
    _exit("another worker runs under this instance id")


def _exit(why: str) -> NoReturn:
    """End at once: no buffer may be flushed on the way out."""
    log.critical("%s; exiting with %d", why, EXPELLED)
    logging.shutdown()
    os._exit(EXPELLED)


def guard_changelog(
    sender: Sender,
    lease: Lease,
    changelog: str,
    crashing: Callable[[], bool],
    expelled: Callable[[], NoReturn] = exit_expelled,
) -> None:
    """Hold this sender's batches for `changelog` while the lease has run out.

    The lease comes back with the same generation: they go. We were expelled: `expelled()`, because
    aiokafka has numbered the batch already and cannot take it back. Of a worker that is `crashing` they are
    held until it has ended.
    """
    send = sender._send_produce_req

    async def send_when_held(node_id: int, batches: Mapping[TopicPartition, Any]) -> None:
        if any(tp.topic == changelog for tp in batches):
            if not await lease.held():
                if crashing():
                    await asyncio.Future()
                expelled()
            await failpoints.hit_async("batch-leaving")
        await send(node_id, batches)

    sender._send_produce_req = send_when_held
