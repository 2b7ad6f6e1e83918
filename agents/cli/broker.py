"""Commands that ask the broker: how they run, and what they say when it does not answer."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

from aiokafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError, NodeNotReadyError

from agents.cli.exits import BrokerUnreachable, CommandRefused
from agents.kafka.topics import WrongTopic
from agents.logs import set_up_logging
from schemas.settings import Settings

T = TypeVar("T")


def ask(settings: Settings, question: Coroutine[Any, Any, T]) -> T:
    """The answer to a question that needs the broker. Raises BrokerUnreachable, CommandRefused."""
    set_up_logging(settings.log_level, settings.log_format)
    client = logging.getLogger("aiokafka")
    # It complains of each address at each try; one line is enough, and it is ours.
    client.setLevel(logging.CRITICAL)
    try:
        return asyncio.run(question)
    except (KafkaConnectionError, KafkaTimeoutError, NodeNotReadyError, TimeoutError) as fault:
        raise BrokerUnreachable(f"found no broker at {settings.broker}; expected Kafka there") from fault
    except WrongTopic as fault:
        raise CommandRefused(*str(fault).splitlines()) from fault
    except KafkaError as fault:
        raise CommandRefused(f"the broker at {settings.broker} refused: {fault}") from fault
    finally:
        client.setLevel(logging.NOTSET)
