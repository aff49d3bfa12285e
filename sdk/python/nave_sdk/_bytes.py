"""Bytes and text."""
from __future__ import annotations

import json
from typing import Any


def to_bytes(value: Any) -> bytes:
    """Bytes as they are, text as UTF-8, anything else as JSON."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace")


def well_formed(text: str) -> str:
    """Text as it can leave the guest: halves of characters are none."""
    return text.encode("utf-8", "replace").decode("utf-8")
