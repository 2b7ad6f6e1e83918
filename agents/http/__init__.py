"""How one HTTP request is made: transport, authentication, secrets."""
