"""The three encodings of an event, and what is too much of any of them."""
