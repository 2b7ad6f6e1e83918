"""Why a call came to what it came to: from what was read of it to the whole answer."""

from agents.call_records import CallLog
from agents.policy import policy
from schemas import wire
from schemas.settings import Settings
from streams.explaining.retelling import retell
from streams.explaining.sources import Said, Sources, pins
from streams.explaining.telling import explain


def explained(log: CallLog, settings: Settings) -> Said:
    """What a call's log, row and records come to."""
    outcomes, rules = tuple(log.outcomes), policy(settings)
    retold = retell(log.events, log.internal, pins(log.row, outcomes), log.documents, rules)
    sources = Sources(
        call_id=log.call_id,
        partition=log.partition,
        documents=log.documents,
        policy=rules,
        row=log.row,
        retold=retold,
        outcomes=outcomes,
        attempts=tuple(log.attempts),
        letters=tuple(log.letters),
        unread=tuple(log.unread),
    )
    return {**explain(sources), "events_since": None if log.since is None else wire.moment(log.since)}
