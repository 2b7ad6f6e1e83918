"""The engine broken by hand, one promise at a time: every break must be caught, by the test that is there for it.

`python -m tests.mutations` breaks a copy of the tree and asks the tests that are named for each break, cheapest
level first (L0 pure, L1 one process, L2 real Kafka). A break that nobody notices is a hole in the tests.
"""
