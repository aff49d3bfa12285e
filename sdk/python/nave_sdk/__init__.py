"""What authors of Nave plugins in Python use.

Owns the Python face of the contract in wit/v0.2. A connector is a class and one line:

    class Desk(Connector):
        def check(self): ...
        def discover(self): ...
        def read(self, stream, checkpoint, limit): ...
        def get(self, stream, ids): ...

    Connection, Source, Destination = exports(Desk())

Outside of a plugin the imports lead to the fake host of `nave_sdk.testing`.
"""
from . import body, checkpoint, describe, folder, host, http, names, slices, time, write
from .connector import Connector, exports
from .failure import CheckpointExpired, Failure, Misconfigured, Rejected, RetryAfter, Unauthorized, Unavailable

__all__ = [
    "CheckpointExpired", "Connector", "Failure", "Misconfigured", "Rejected", "RetryAfter", "Unauthorized", "Unavailable",
    "body", "checkpoint", "describe", "exports", "folder", "host", "http", "names", "slices", "time", "write",
]
