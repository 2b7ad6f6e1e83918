"""What can be wrong with a template, or with the data that it meets."""


class SyntaxFault(Exception):
    """The text is no template, or one that is not allowed."""


class Lacking(Exception):
    """A path is missing, and the policy says that this is an error."""

    def __init__(self, path: str) -> None:
        super().__init__(f"found nothing at {path}; expected a value")
        self.path = path


class Gave(Exception):
    """The template met data that it cannot use."""
