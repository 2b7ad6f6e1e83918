"""What the topics are called."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TopicNames:
    """What the topics are called in this installation."""

    call_events: str
    workflows: str
    call_outcomes: str
    delivery_log: str
    dead_letters: str
    internal: str
    changelog: str
