"""What the host offers besides HTTP and folders: settings, state, log, clock."""
from __future__ import annotations

import json
from typing import Any

from . import _imports
from ._bytes import to_bytes, well_formed
from .failure import Misconfigured

if _imports.GUEST:
    from wit_world.imports.types import LogLevel

    _LEVELS: dict[str, Any] = {level.name.lower(): level for level in LogLevel}
else:
    _LEVELS = {level: level for level in ("debug", "info", "warn", "error")}


def settings(*wanted: str) -> dict[str, Any]:
    """The connection's settings. `wanted` names those that must be there; one that is missing is a `Misconfigured`."""
    try:
        found = json.loads(_imports.settings.get().strip() or "{}")
    except ValueError as error:
        raise _misfit(str(error)) from None
    for name in wanted:
        if found.get(name) is None:
            raise _misfit(f"`{name}` is missing")
    return found


def _misfit(why: str) -> Misconfigured:
    return Misconfigured(f"the connection's settings do not fit: {why}. Correct them in connections/*.toml")


def log(level: str, message: str) -> None:
    """One line into the hub's log; level: `debug`, `info`, `warn`, `error`."""
    _imports.log.write(_LEVELS[level], well_formed(str(message)))


def now_ms() -> int:
    """Wall clock, whole milliseconds since 1970."""
    return _imports.clock.now_ms()


def state_get(key: str) -> bytes | None:
    """What `state_set` stored under this key."""
    return _imports.state.get(key)


def state_set(key: str, value: Any) -> None:
    """Stores a few bytes (or text, or a value as JSON) to be found again. A full quota is an error in words."""
    try:
        _imports.state.set(key, to_bytes(value))
    except _imports.Err as error:
        raise RuntimeError(error.value) from None
