"""What is: calls, events, workflows, deliveries, outcomes, settings. Nouns; no I/O, no clock."""
