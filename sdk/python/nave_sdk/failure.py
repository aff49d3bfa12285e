"""Why a call failed, named by what the host does next. Raised by plugin code."""
from __future__ import annotations


class Failure(Exception):
    """One of the classes below. Equal to another one that says the same."""

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    __hash__ = Exception.__hash__


class RetryAfter(Failure):
    """Come back after this many milliseconds; everything else on this account waits too."""

    def __init__(self, ms: int):
        super().__init__(f"retry after {ms} ms")
        self.ms = max(0, int(ms))


class _Said(Failure):
    def __init__(self, message: str):
        super().__init__(message)
        self.message = message


class Unavailable(_Said):
    """The system is down or unreachable: the host climbs its retry ladder."""


class Unauthorized(_Said):
    """The credential was refused: the host renews it once, then asks a person."""


class Misconfigured(_Said):
    """Settings or grant are wrong, trying again is useless: the host stops the flow and says so."""


class Rejected(Failure):
    """This call is refused for good; the flow goes on without it.

    `kind`: `required`, `format`, `length`, `duplicate`, `reference`, `read-only`, `forbidden`, `other`; then the system's own
    words, and the remote path of the field at fault.
    """

    def __init__(self, kind: str, message: str, field: str | None = None):
        super().__init__(f"{kind}: {message}")
        self.kind = kind
        self.message = message
        self.field = field


class CheckpointExpired(Failure):
    """The checkpoint is no longer known there: the host reads again from the start."""


def no_such_stream(stream: str) -> Misconfigured:
    """The stream is not one of ours."""
    return Misconfigured(f"there is no stream called {stream}; `nave connection discover` lists them")
