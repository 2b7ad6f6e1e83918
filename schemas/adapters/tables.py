"""The words in which a platform's table is written.

A table is data: `streams/adapting.py` reads it, and adding a platform adds no code. A *place* is where
something lies in a payload: names with `/` between them (`message/call/id`, an index in a list), and ` | `
between places of which the first that has something counts.
"""

from collections.abc import Mapping
from typing import Literal, TypeAlias

from msgspec import Struct

Place: TypeAlias = str
Words: TypeAlias = str
"""Values that fit, with a space between; `-` fits where there is none, and a `*` at the end any ending."""

Form: TypeAlias = Literal[
    "as_is", "text", "number", "whole", "moment", "seconds", "milliseconds", "nanoseconds"
]
"""What to make of what lies in a place: `moment` reads RFC 3339 and RFC 2822, the last three a time since 1970.
What cannot be read so is left out."""


class Value(Struct, frozen=True):
    """What lies in a place. With `words` it is translated, and left out where they do not know it; a number is
    divided by `per`."""

    place: Place
    form: Form = "as_is"
    words: Mapping[str, str] = {}
    per: int = 1


class Fixed(Struct, frozen=True):
    """What the payload says by being what it is."""

    value: str


class Sum(Struct, frozen=True):
    """Numbers of several places together, as a time since 1970; nothing where one is missing."""

    places: tuple[Place, ...]
    form: Literal["seconds", "milliseconds"]


class Case(Struct, frozen=True):
    """It depends on what lies in a place what is taken."""

    place: Place
    of: Mapping[str, "Value"]


class Turns(Struct, frozen=True):
    """A transcript. A line without content, or of a role that `roles` does not know, is left out."""

    place: Place
    content: Place
    role: Place = "role"
    at: Place = ""
    roles: Mapping[str, str] = {}


class Named(Struct, frozen=True):
    """Lists of things that have a name and a value, as one object."""

    place: Place
    name: Place
    value: Place


class Inner(Struct, frozen=True):
    """An object of objects, with one member of each in its stead."""

    place: Place
    value: Place


class Together(Struct, frozen=True):
    """An object of these members, and of those of the objects in `spread`."""

    members: Mapping[str, Value]
    spread: tuple["Value | Named | Inner", ...] = ()


Take: TypeAlias = Value | Fixed | Sum | Case | Turns | Named | Inner | Together


class Said(Struct, frozen=True):
    """One event that a payload says.

    `reason` is where the platform's word for the end lies. With `needs` the event is said only where something
    lies there. With `each` it is said of every item of a list that fits `where`, in their order, and `data` is
    looked for in the item.
    """

    type: str
    data: Mapping[str, Take] = {}
    at: Value | Sum | None = None
    reason: Place = ""
    needs: Place = ""
    each: Place = ""
    where: Mapping[Place, Words] = {}


class Rule(Struct, frozen=True):
    """If all of `when` fits, the payload says this; nothing, where it is passed over on purpose."""

    when: Mapping[Place, Words]
    says: tuple[Said, ...] = ()


class Adapter(Struct, frozen=True, kw_only=True):
    """A platform's table. The first rule that fits counts.

    `documented` is where the platform describes its payloads. `inside` are the places where a payload begins, the
    first that is an object. Of each event: `everywhere` is added to its data, `id` makes its id (else a hash of
    the payload does). `reasons` are the platform's words for ends, where they mean something else than in
    `schemas/reasons.py`.
    """

    platform: str
    documented: str
    call_id: Place
    rules: tuple[Rule, ...]
    told_by: tuple[Place, ...]
    """What tells one sort of payload from another, shown when it is unknown."""
    inside: tuple[Place, ...] = ("",)
    id: Place = ""
    agent_id: Place = ""
    session_id: Place = ""
    at: Value | Sum | None = None
    seq: Value | None = None
    direction: Value | None = None
    channel: Value | None = None
    everywhere: Mapping[str, Take] = {}
    reasons: Mapping[str, str] = {}
