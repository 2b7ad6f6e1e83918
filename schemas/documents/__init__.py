"""The customer's documents, from YAML or JSON to values: what is wrong with one is said all at once."""
