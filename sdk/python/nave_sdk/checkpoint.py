"""Checkpoints as a dataclass of yours, in JSON."""
from __future__ import annotations

import dataclasses
import json
from typing import Any, TypeVar

from ._bytes import json_text
from .failure import CheckpointExpired

T = TypeVar("T")


def encode(position: Any) -> bytes:
    """The bytes of a checkpoint: a dataclass with plain fields."""
    return json.dumps(dataclasses.asdict(position), ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def decode(encoded: bytes | None, kind: type[T]) -> T:
    """A checkpoint of ours; none gives the beginning, `kind()`.

    One that does not have the beginning's fields with values of their types (an older plugin wrote it) is
    `CheckpointExpired`: the host starts again from none.
    """
    beginning = kind()
    if encoded is None:
        return beginning
    try:
        found = json.loads(json_text(encoded))
        return kind(**{own.name: _fitting(found[own.name], getattr(beginning, own.name)) for own in dataclasses.fields(kind)})
    except (ValueError, KeyError, TypeError, RecursionError):
        raise CheckpointExpired() from None


def _fitting(value: Any, like: Any) -> Any:
    if like is not None and type(value) is not type(like):
        raise TypeError("another type")
    return value
