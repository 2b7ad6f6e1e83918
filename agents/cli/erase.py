"""`postcall erase`: have the workers forget what they hold of a call, and say what that does not reach."""

from typing import Any

from aiokafka import AIOKafkaProducer

from agents.cli.broker import ask
from agents.cli.exits import DONE, CommandRefused, UsageRefused
from agents.cli.output import print_json, print_line
from agents.connection import client_options, kafka_config, topic_names
from agents.kafka.topics import admin, counts
from schemas import wire
from schemas.encodings.envelopes import MOST_CALL_ID_BYTES
from schemas.messages import Erase
from schemas.settings import Settings
from streams.topology import home


def run(call_id: str, as_json: bool, settings: Settings) -> int:
    """Ask the owner of the call to erase it, and say what remains elsewhere."""
    size = len(call_id.encode("utf-8", "surrogatepass"))
    if not 0 < size <= MOST_CALL_ID_BYTES:
        raise UsageRefused(f"found a call id of {size} bytes; expected 1 to {MOST_CALL_ID_BYTES}")
    partition = ask(settings, _post(call_id, settings))
    not_reached = _not_reached(settings)
    if as_json:
        print_json({"ok": True, "call_id": call_id, "partition": partition, "not_reached": not_reached})
    else:
        print_line(
            f"erasing {call_id}: told partition {partition}, whose worker does it, or the next to start"
        )
        print_line(
            "kept: its ids, so that nothing of it happens twice; the changelog is rid of the rest in an hour"
        )
        for each in not_reached:
            print_line(f"not reached: {each}")
    return DONE


def _not_reached(settings: Settings) -> list[str]:
    names = topic_names(settings)
    return [
        f"{names.call_events}, which its producers write, and which ends with its retention",
        f"{names.internal}, which holds replies and events sent on, and ends with its retention",
        "what receivers were sent",
        "backups",
    ]


async def _post(call_id: str, settings: Settings) -> int:
    """Write the message to the call's home partition; return which that is when the broker has it."""
    config, internal = kafka_config(settings), topic_names(settings).internal
    async with admin(config) as kafka:
        partitions = (await counts(kafka, [internal])).get(internal, 0)
    if not partitions:
        raise CommandRefused(f"found no topic {internal!r}; expected one, which the first worker creates")
    partition = home(call_id, partitions)
    options: dict[str, Any] = client_options(config)
    producer = AIOKafkaProducer(acks="all", enable_idempotence=True, **options)
    try:
        await producer.start()
        key = call_id.encode("utf-8", "surrogatepass")
        await producer.send_and_wait(internal, wire.message(Erase(call_id)), key=key, partition=partition)
    finally:
        await producer.stop()
    return partition
