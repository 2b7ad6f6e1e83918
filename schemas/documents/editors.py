"""Fields that graph editors write into documents: passed over in silence, kept as written.

React Flow's field names, which most editors of the field share, and what editors add to them.
"""

from typing import Final

DOCUMENT: Final = frozenset(
    {
        "created_at",
        "description",
        "editor",
        "metadata",
        "updated_at",
        "viewport",
    }
)
"""Beside `nodes` and `edges`, or in an agent."""

NODE: Final = frozenset(
    {
        "ariaLabel",
        "className",
        "connectable",
        "data",
        "deletable",
        "description",
        "draggable",
        "dragging",
        "expandParent",
        "extent",
        "focusable",
        "handles",
        "height",
        "hidden",
        "initialHeight",
        "initialWidth",
        "label",
        "measured",
        "message",
        "metadata",
        "model",
        "origin",
        "parentId",
        "parentNode",
        "position",
        "positionAbsolute",
        "prompt",
        "selectable",
        "selected",
        "sourcePosition",
        "style",
        "targetPosition",
        "text",
        "voice",
        "width",
        "zIndex",
    }
)
"""Of a node, with what conversation nodes usually have."""

EDGE: Final = frozenset(
    {
        "animated",
        "ariaLabel",
        "className",
        "condition",
        "data",
        "deletable",
        "description",
        "focusable",
        "hidden",
        "interactionWidth",
        "label",
        "labelBgStyle",
        "labelShowBg",
        "labelStyle",
        "markerEnd",
        "markerStart",
        "metadata",
        "reconnectable",
        "selectable",
        "selected",
        "sourceHandle",
        "sourceNode",
        "style",
        "targetHandle",
        "targetNode",
        "type",
        "updatable",
        "zIndex",
    }
)
"""Of an edge."""
