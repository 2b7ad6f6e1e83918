"""How a platform's table is read."""
