"""`postcall worker`: one worker in this process, or a parent of several."""

import asyncio
import os
import sys
import traceback
from typing import Final

from aiokafka.errors import KafkaConnectionError

from agents.cli.exits import DONE, FAILED, UNREACHABLE
from agents.cli.output import complain
from agents.cli.processes import supervise
from agents.doors import DoorsTaken
from agents.kafka.disk import DiskFailed
from agents.kafka.topics import WrongTopic
from agents.logs import set_up_logging
from agents.worker import work
from schemas.settings import Settings

LISTENING: Final = "listening on http://"
JOINING: Final = "joining the group"
"""What a worker says on stderr: where its doors are, and, once broker and topics are as they ought to be, that
it begins. Whoever started it reads the port in the one and learns from the other that it can start at all."""


def run(settings: Settings, processes: int) -> int:
    """Work until SIGTERM. The exit code is 0 after a drain, 1 after a crash, 3 without a broker."""
    if processes > 1:
        return supervise(settings, processes)
    set_up_logging(settings.log_level, settings.log_format)
    try:
        asyncio.run(
            work(
                settings,
                lambda port: complain(f"{LISTENING}{settings.web_host}:{port}"),
                lambda: complain(f"{JOINING} {settings.app_id} at {settings.broker}"),
            )
        )
    except KafkaConnectionError as fault:
        complain(f"found no broker at {settings.broker} ({fault}); expected Kafka there")
        return _leave(UNREACHABLE)
    except (WrongTopic, DoorsTaken, DiskFailed) as fault:
        complain(*str(fault).splitlines())
        return _leave(FAILED)
    except Exception:  # noqa: BLE001  nothing goes on after it: told, and out
        traceback.print_exc()
        return _leave(FAILED)
    return _leave(DONE)


def _leave(code: int) -> int:
    """Leave now: the consumer's thread would keep a process alive that has nothing left to do."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
