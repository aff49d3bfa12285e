"""From a class of yours to the exports of the contract."""
from __future__ import annotations

from typing import Any

from . import _imports
from .describe import CheckReport, Event, Page, SourceRecord, Stream
from .failure import Rejected
from .write import Delivery, Outcome


class Connector:
    """A system. Nothing may be kept in `self` between calls: a guest may be dropped between any two. What must be remembered
    travels in the checkpoint. A system that is only read leaves `write` and `find` out."""

    def check(self) -> CheckReport:
        """Does the connection work? Reads only."""
        raise NotImplementedError

    def webhook(self, request: Any) -> list[Event]:
        """What is this call about? The host verified its signature before. Default: nothing that we know of."""
        return []

    def discover(self) -> list[Stream]:
        """The streams, their fields and what can be done with them. Changes nothing over there."""
        raise NotImplementedError

    def read(self, stream: str, checkpoint: bytes | None, limit: int) -> Page:
        """The page after a checkpoint; none means from the start. The same checkpoint may come again.
        A page holds at most `limit` records."""
        raise NotImplementedError

    def acknowledge(self, stream: str, checkpoint: bytes) -> None:
        """The records before this checkpoint are durable in the hub. Default: nothing to do."""

    def get(self, stream: str, ids: list[str]) -> list[SourceRecord]:
        """These things, now. Gone is `deleted`, merged is `merged_into`, forbidden is left out."""
        raise NotImplementedError

    def write(self, stream: str, deliveries: list[Delivery]) -> list[Outcome]:
        """One outcome per delivery, in order. Raising promises that nothing was sent."""
        raise Rejected("read-only", f"the stream {stream} cannot be written")

    def find(self, stream: str, path: str, values: list[str]) -> list[SourceRecord]:
        """Things whose field at `path` equals one of the values. Only paths that `discover` calls searchable."""
        raise Rejected("other", f"the stream {stream} cannot be searched by {path}")


def exports(own: Connector) -> tuple[type, type, type]:
    """The three exports of a connector: `Connection, Source, Destination = exports(People())`, once, in plugin.py."""
    if _imports.GUEST:
        from ._guest import exports as made

        return made(own)
    # A test calls the connector itself.
    return type(own), type(own), type(own)
