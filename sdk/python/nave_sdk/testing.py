"""A host for tests, outside of a plugin: scripted answers, folders in memory, a clock that stands still.

    with FakeHost(answer=lambda endpoint, request: reply(200, {"name": "Ada"})) as host:
        assert http.get("api", "/me").send().text("name") == "Ada"
    assert len(host.requests) == 1
"""
from __future__ import annotations

import json
from copy import copy
from dataclasses import dataclass
from typing import Any, Callable

from . import _fake
from ._bytes import to_bytes
from ._imports import Err
from .http import Answer, RawRequest
from .time import parse_rfc3339, rfc3339


def reply(status: int, body: Any = b"", headers: list[tuple[str, str]] | None = None) -> Answer:
    """An answer with a JSON body: bytes and text as they are, anything else as JSON."""
    return Answer(status, [("Content-Type", "application/json"), *(headers or [])], to_bytes(body))


def fails(kind: str, value: Any) -> Exception:
    """What `answer` raises when there is to be no answer: `Denied`, `Unreachable`, `NoAnswer`, `TooLarge`, `Quota`."""
    return Err(type(f"Error_{kind}", (), {"value": value})())


@dataclass
class Entry:
    """A file of a folder."""

    name: str
    size: int
    modified_at: str


class FakeHost:
    """The host of one test; plugin code runs in its `with`. `folders`: name → files."""

    def __init__(
        self,
        settings: dict[str, Any] | None = None,
        at: str = "2026-11-24T02:00:00Z",
        answer: Callable[[str, RawRequest], Answer] | None = None,
        folders: dict[str, dict[str, Any]] | None = None,
    ):
        self.settings_text = json.dumps(settings or {})
        self.now_ms = (parse_rfc3339(at) or 0) // 1000
        self.state: dict[str, bytes] = {}
        #: All requests so far: endpoint and request.
        self.requests: list[tuple[str, RawRequest]] = []
        #: All log lines so far.
        self.log: list[str] = []
        self._answer = answer
        self._writes = 0
        self._folders: dict[str, dict[str, tuple[bytes, str]]] = {}
        for folder, files in (folders or {}).items():
            self._folders[folder] = {}
            for name, content in files.items():
                self.put(folder, name, to_bytes(content))

    def __enter__(self) -> FakeHost:
        if _fake.current is not None:
            raise RuntimeError("a fake host runs already")
        _fake.current = self
        return self

    def __exit__(self, *_: object) -> None:
        _fake.current = None

    def content(self, folder: str, name: str) -> str:
        """A file's content as text."""
        return self._folders[folder][name][0].decode()

    def send(self, endpoint: str, request: RawRequest) -> Answer:
        self.requests.append((endpoint, copy(request)))
        if self._answer is None:
            raise fails("Denied", "the test answers no requests")
        return self._answer(endpoint, request)

    def _granted(self, folder: str) -> dict[str, tuple[bytes, str]]:
        if folder not in self._folders:
            raise fails("Denied", f"the folder {folder} is not granted")
        return self._folders[folder]

    def _file(self, folder: str, name: str) -> bytes:
        files = self._granted(folder)
        if name not in files:
            raise fails("NotFound", None)
        return files[name][0]

    def list(self, folder: str) -> list[Entry]:
        return [Entry(name, len(content), at) for name, (content, at) in sorted(self._granted(folder).items())]

    def read(self, folder: str, name: str, offset: int, length: int) -> bytes:
        return self._file(folder, name)[offset : offset + length]

    def put(self, folder: str, name: str, content: bytes) -> None:
        self._writes += 1
        self._granted(folder)[name] = (content, rfc3339((self.now_ms + self._writes) * 1000))

    def append(self, folder: str, name: str, content: bytes) -> None:
        before = self._granted(folder).get(name, (b"", ""))[0]
        self.put(folder, name, before + content)

    def remove(self, folder: str, name: str) -> None:
        self._file(folder, name)
        del self._granted(folder)[name]
