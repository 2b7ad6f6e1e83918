"""The customers' side in a process of its own: `python -m agents.demo.endpoints LOG` prints its port and serves.

Two of the endpoints are what endpoints are: the CRM is overloaded now and then, mail fails, tasks are slow.
"""

import asyncio
import signal
import sys
from pathlib import Path
from typing import Final

from agents.demo.receiver import Receiver, Rule, Script

SCRIPT: Final = Script(
    seed=8,  # with the calls of the demo: the CRM refuses two requests, mail ten
    rules=(
        # 503 means: leave me alone for five seconds. Nobody but the CRM's own requests waits.
        Rule(
            path="/crm/*",
            delay=0.03,
            spread=0.05,
            failure_rate=0.02,
            failure_status=503,
            body={"ticket": {"id": 4711}},
        ),
        Rule(path="/mail/*", delay=0.05, spread=0.1, failure_rate=0.1, failure_status=500),
        Rule(path="/tasks/*", delay=0.6, spread=0.6),
        Rule(path="*", delay=0.005, spread=0.01),
    ),
)


async def serve(log: Path) -> None:
    """Answer until SIGTERM; every request is a line of the file before it is answered."""
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    async with Receiver(log, SCRIPT) as receiver:
        print(receiver.port, flush=True)
        await stopping.wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
