"""What a workflow, a voice agent and their parts may be called."""

import re
from typing import Final

from schemas.documents.fields import Fields

_ID: Final = re.compile(r"[^\s@/#\x00-\x1f\x7f]{1,200}")
"""Ids are parts of keys (`workflow/<id>@<version>`) and of endpoint names."""


def identifier(fields: Fields) -> str:
    """The document's id, which keys are made of."""
    text = fields.need_text("id", "the id of the document")
    if text and not _ID.fullmatch(text):
        member = fields.get("id")
        assert member is not None
        member.refuse("up to 200 characters without spaces, @, / or #")
    return text


def name_of(fields: Fields) -> str:
    """What people call it; empty where nothing is stated."""
    return fields.text("name")
