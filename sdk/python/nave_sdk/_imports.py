"""What a plugin imports from the host: the host itself in a plugin, the fake host of the running test elsewhere.

An interface that manifest.json asks nothing for is not in the plugin: using it is an error that says so.
"""
from __future__ import annotations

from typing import Any

try:
    from componentize_py_types import Err

    GUEST = True
except ImportError:
    GUEST = False

    class Err(Exception):  # type: ignore[no-redef]
        """As in a plugin: the import's error is in `value`."""

        def __init__(self, value: Any):
            super().__init__(value)
            self.value = value


class _Absent:
    def __init__(self, what: str):
        self._what = what

    def __getattr__(self, name: str) -> Any:
        from .failure import Misconfigured

        raise Misconfigured(f"manifest.json asks for no {self._what}, so this plugin has none")


if GUEST:
    from wit_world.imports import clock, log, settings, state

    try:
        from wit_world.imports import http
    except ImportError:
        http = _Absent("endpoints")
    try:
        from wit_world.imports import folder
    except ImportError:
        folder = _Absent("folders")
else:
    from ._fake import clock, folder, http, log, settings, state

__all__ = ["GUEST", "Err", "clock", "folder", "http", "log", "settings", "state"]
