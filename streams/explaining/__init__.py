"""Why a call came to what it came to: what its log, its row and its records say, in words."""
