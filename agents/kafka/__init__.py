"""What lies under Faust: one file for each thing that Faust 0.15.3 and aiokafka 0.14 get wrong.

| fault | cured in |
|---|---|
| acks out of order commit past a message still in work | `progress.py`, `consumer.py` |
| a record fetched during the seek of a rebalance is skipped; a standby misses changelog records | `consumer.py` |
| an exception in the agent acks the event | `source.py` |
| the commit does not wait for the changelog, and ignores a refused produce | `producer.py`, `fitness.py` |
| rows are on disk before their record is acknowledged | `rows.py`, `changelog.py`, `store.py` |
| a corrupt block ends a scan in silence, a missing file ends every start | `store.py`, `disk.py` |
| the producer is not idempotent | `producer.py` |
| a worker that was suspended writes on | `lease.py`, `membership.py`, `gate.py` |
| two workers of one instance id throw each other out for ever | `membership.py` |
| a new group with nothing committed skips what comes between two rebalances | `start.py`, `thread.py` |
| the hook of an overtaken recovery runs on, and what it raises is swallowed | `app.py` |
| the coordinator hangs in silence | `thread.py`, `watchdog.py` |
| a missing topic is ignored | `topics.py` |
| a message costs four tasks, and full queues a second of sleep | `consumer.py` |
| a stall lets timers overtake events | `offsets.py` |
| web pages open on 0.0.0.0, a monitor that costs a quarter of the time | `app.py` |

Left alone because the design never calls it: `take()` (acks what raised), `concurrency` above one
(loses the order of a key), `key_type=str` (quotes the keys), memory stores (iterate partitions that
were revoked), `@app.timer` and `@app.task` (an exception ends the worker), `send_soon` (its future
is seldom looked at), the `faust` command (it takes the signals and redirects stdout).
"""
