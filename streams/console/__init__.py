"""What the console shows: a bounded window on the records of all calls, and workflows drawn as graphs."""
