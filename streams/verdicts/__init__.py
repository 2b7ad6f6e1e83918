"""What is under `streams/lifecycle.py`: from evidence to a verdict, and what may still raise it."""
