"""What others build on, as JSON Schemas made from the types."""
