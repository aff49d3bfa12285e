"""Files of the folders that the operator granted. What is refused is raised as the failure that fits."""
from __future__ import annotations

from typing import Any, Callable, TypeVar

from . import _imports
from ._bytes import to_bytes
from .failure import Misconfigured, Rejected, Unavailable

T = TypeVar("T")


def list(folder: str) -> Any:
    """All regular files of a folder, sorted by name; each has `name`, `size` and `modified_at`."""
    return _tried(lambda: _imports.folder.list(folder))


def read(folder: str, name: str, offset: int, length: int) -> bytes:
    """At most `length` bytes from `offset`; empty at the end."""
    return _tried(lambda: _imports.folder.read(folder, name, offset, length))


def write(folder: str, name: str, content: Any) -> None:
    """Replaces the file in one step."""
    _tried(lambda: _imports.folder.write(folder, name, to_bytes(content)))


def append(folder: str, name: str, content: Any) -> None:
    """Adds to the end of the file; durable when it returns."""
    _tried(lambda: _imports.folder.append(folder, name, to_bytes(content)))


def remove(folder: str, name: str) -> None:
    """Removes the file."""
    _tried(lambda: _imports.folder.remove(folder, name))


def _tried(call: Callable[[], T]) -> T:
    try:
        return call()
    except _imports.Err as error:
        said = getattr(error.value, "value", None)
        kind = type(error.value).__name__.removeprefix("Error_")
    if kind == "Denied":
        raise Misconfigured(said)
    if kind == "NotFound":
        raise Unavailable("the file is not there (any more)")
    if kind == "BadName":
        raise Rejected("format", f"refused file name: {said}")
    if kind == "TooLarge":
        raise Rejected("length", f"{said} bytes are too large for this folder")
    raise Unavailable(str(said))
