"""The imports of a plugin, answered by the fake host of the running test (testing.py)."""
from __future__ import annotations

from typing import Any

current: Any = None


def _host() -> Any:
    if current is None:
        raise RuntimeError("plugin code in a test runs under `with FakeHost(...):` of nave_sdk.testing")
    return current


class clock:
    now_ms = staticmethod(lambda: _host().now_ms)


class settings:
    get = staticmethod(lambda: _host().settings_text)


class state:
    get = staticmethod(lambda key: _host().state.get(key))
    set = staticmethod(lambda key, value: _host().state.__setitem__(key, value))


class log:
    write = staticmethod(lambda level, message: _host().log.append(f"{level}: {message}"))


class http:
    send = staticmethod(lambda endpoint, request: _host().send(endpoint, request))


class folder:
    list = staticmethod(lambda name: _host().list(name))
    read = staticmethod(lambda name, file, offset, length: _host().read(name, file, offset, length))
    write = staticmethod(lambda name, file, content: _host().put(name, file, content))
    append = staticmethod(lambda name, file, content: _host().append(name, file, content))
    remove = staticmethod(lambda name, file: _host().remove(name, file))
