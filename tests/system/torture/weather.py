"""Endpoints that have a bad time: what is wrong with which of them for a while, drawn from a seed."""

import random
from dataclasses import dataclass

from agents.demo.receiver import Rule
from tests.system.documents import HOOKS

PATHS = (
    *("/node/update_crm", "/node/send_email", "/node/record_metrics", "/node/summarise"),
    *("/node/open_ticket", "/node/notify_team", "/node/page_on_call", "/node/audit_missing"),
    *(f"/hook/{hook}" for hook in HOOKS),
)

ILLS: dict[str, Rule] = {
    "fails": Rule(failure_rate=1.0, failure_status=503),
    "flaps": Rule(delay=0.02, failure_rate=0.5, failure_status=500),
    "hangs": Rule(silence="hang"),
    "closes instead of answering": Rule(silence="close"),
    "resets connections": Rule(silence="reset"),
    "drips its answers": Rule(silence="drip"),
    "answers 429 with Retry-After": Rule(status=429, headers={"retry-after": "3"}),
    "is slow": Rule(delay=0.5, spread=0.7),
}


@dataclass(frozen=True, slots=True)
class Weather:
    """What is wrong with which path, and after how many seconds of the act it is over."""

    ills: tuple[tuple[str, str], ...]
    seconds: float

    @property
    def rules(self) -> tuple[Rule, ...]:
        """As the receiver wants it."""
        rules = []
        for path, ill in self.ills:
            like = ILLS[ill]
            rules.append(
                Rule(
                    path=path,
                    status=like.status,
                    headers=like.headers,
                    delay=like.delay,
                    spread=like.spread,
                    failure_rate=like.failure_rate,
                    failure_status=like.failure_status,
                    silence=like.silence,
                )
            )
        return tuple(rules)

    def __str__(self) -> str:
        told = ", ".join(f"{path} {ill}" for path, ill in self.ills)
        return f"{told} for {self.seconds:.0f} s" if told else "all endpoints well"


def draw_weather(dice: random.Random) -> Weather:
    """Draw what is wrong: nothing in a fifth of the acts, else with up to five paths for 8 to 25 s."""
    count = 0 if dice.random() < 0.2 else dice.randint(1, 5)
    ills = tuple((path, dice.choice(sorted(ILLS))) for path in dice.sample(PATHS, count))
    return Weather(ills, dice.uniform(8.0, 25.0))
