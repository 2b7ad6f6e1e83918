"""The ledger: judges the engine from outside, by what others than the engine wrote down.

It imports nothing of the engine (a contract in pyproject.toml checks it), so that it cannot share the engine's
mistakes: what an event says, how a call ended, what a workflow then owes are read here a second time, from the
rules alone. One way through it, top to bottom:

    topics, requests, evidence   the witnesses, from Kafka, from the receiver's file, from a folder
    witnesses                    what they wrote down
    told                         an event, out of the three encodings
    documents                    which workflow and voice agent were in force, and when
    reading, arrivals            how a call ended, and what was known when
    conditions, graph, owed      which nodes and webhooks the call then owes
    attribution                  which of them a request was for
    oracle                       one call after the other, then the run: of_calls, of_requests, of_runs
    judgement, report            what was found, for programs and for people

What cannot be decided from outside is said to be so (`not_judged`), and never guessed.
"""
