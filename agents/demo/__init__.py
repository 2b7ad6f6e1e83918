"""`postcall demo`: an embedded broker, a worker, receivers and a stream of calls."""
