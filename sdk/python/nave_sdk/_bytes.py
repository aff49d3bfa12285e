"""Bytes and text."""
from __future__ import annotations

import json
import re
from typing import Any

#: Levels of lists and objects; as in serde_json. A guest's stack is small, and what is nested deeper would end it.
DEPTH_MAX = 128
_NESTING = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')


def to_bytes(value: Any) -> bytes:
    """Bytes as they are, text as UTF-8, anything else as JSON."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace")


def well_formed(text: str) -> str:
    """Text as it can leave the guest: halves of characters are none."""
    return text.encode("utf-8", "replace").decode("utf-8")


def json_text(body: bytes | str) -> str:
    """The text of a body that is to be JSON. Raises `ValueError` where it is not UTF-8, or nested too deep for a guest."""
    # Not json.loads of bytes: it guesses the encoding, and the modules of other encodings are files that a plugin does not have.
    text = body if isinstance(body, str) else bytes(body).decode("utf-8")
    if text.count("[") + text.count("{") > DEPTH_MAX:
        depth = 0
        for found in _NESTING.finditer(text):
            char = found[0]
            depth += 1 if char in "[{" else -1 if char in "]}" else 0
            if depth > DEPTH_MAX:
                raise ValueError(f"it is nested deeper than {DEPTH_MAX} levels")
    return text
