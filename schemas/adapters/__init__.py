"""What voice platforms send about a call, as tables: which payload says which canonical events."""
