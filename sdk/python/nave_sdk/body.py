"""Bodies as values: the few look-ups that connectors need when a body must be taken apart."""
from __future__ import annotations

import json
from typing import Any

from ._bytes import json_text
from .failure import Rejected


def parsed(body: bytes) -> dict[str, Any]:
    """A delivery's body as a dict."""
    if not body:
        return {}
    try:
        value = json.loads(json_text(body))
    except (ValueError, RecursionError) as error:
        raise Rejected("format", f"the delivery's body is not a JSON object: {error}") from None
    if not isinstance(value, dict):
        raise Rejected("format", "the delivery's body is not a JSON object")
    return value


def at(value: Any, path: str) -> Any:
    """The value at a path with dots; none where there is none."""
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def text(value: Any, path: str) -> str | None:
    """The text at a path with dots; numbers and booleans in JSON's spelling. See slices.py for the system's own."""
    found = at(value, path)
    if found is None or isinstance(found, (dict, list)):
        return None
    return found if isinstance(found, str) else json.dumps(found)
