"""How far an exchange got, for whoever gives up on it and for whoever wants to see more than the reply."""


class Progress:
    """Written as an exchange goes on."""

    __slots__ = ("address", "body_bytes", "connecting", "reason")

    def __init__(self) -> None:
        self.connecting = False
        """No byte of the request has left yet."""
        self.address: str | None = None
        """The address that was connected to, or refused; None if there was none, or nobody said."""
        self.body_bytes = 0
        """How much of the answer's body came."""
        self.reason: str | None = None
        """Why there was no answer, in a sentence of ours."""
