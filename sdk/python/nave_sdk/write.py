"""From answers to outcomes. What keeps a lost answer from becoming a second record is here: a request without an answer is
*unknown* whenever the system may have done it."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Union

from .describe import SourceRecord
from .failure import Failure, Rejected as RejectedFailure, RetryAfter as RetryAfterFailure, Unavailable
from .http import Answer, HttpError, NoAnswer, TooLarge
from .limits import RETRY_AFTER_DEFAULT_MS


@dataclass
class Create:
    """Make it."""


@dataclass
class Update:
    """Change this one."""

    remote_id: str


@dataclass
class Delete:
    """Delete or archive this one."""

    remote_id: str


@dataclass
class Merge:
    """Merge the first thing into the second."""

    remote_id: str
    into: str


@dataclass
class Delivery:
    """One difference to be made over there. The same id and bytes on every attempt."""

    id: str
    operation: Union[Create, Update, Delete, Merge]
    changed: bytes = b"{}"
    desired: bytes = b"{}"
    if_version: str | None = None


@dataclass
class Written:
    """Written, with the thing as it was read back; an empty body: the host asks `get`."""

    remote_id: str
    body: Any = b""
    version: str | None = None
    modified_at: str | None = None


@dataclass
class Conflict:
    """It is not what `if_version` says; here is what it is."""

    record: SourceRecord


@dataclass
class Gone:
    """It is not there any more."""


@dataclass
class MergedInto:
    """The system merged it into another one."""

    winner: str


@dataclass
class Later:
    """Come back after this many milliseconds; nothing was done."""

    ms: int


@dataclass
class Refused:
    """Refused for good."""

    kind: str
    message: str
    field: str | None = None


@dataclass
class Unknown:
    """Sent, and what became of it is not known."""

    message: str


Outcome = Union[Written, Conflict, Gone, MergedInto, Later, Refused, Unknown]


def one_by_one(deliveries: list[Delivery], deliver: Callable[[Delivery], Outcome]) -> list[Outcome]:
    """Delivers one by one: `deliver` answers an outcome, or raises.

    A `Failure` says that nothing was sent for this delivery; an `HttpError` becomes what it means (see `lost`). While nothing
    has been sent, a failure is the call's; afterwards it becomes "later" for the deliveries that are left, so that what was
    done is never hidden behind an error.
    """
    outcomes: list[Outcome] = []
    for delivery in deliveries:
        try:
            try:
                outcomes.append(deliver(delivery))
            except HttpError as error:
                outcomes.append(lost(error))
        except RejectedFailure as no:
            outcomes.append(Refused(no.kind, no.message, no.field))
        except Failure as failure:
            if not outcomes:
                raise
            outcomes.extend(later(failure) for _ in range(len(deliveries) - len(outcomes)))
            break
    return outcomes


def lost(error: HttpError) -> Outcome:
    """What became of a write whose request failed: sent without an answer is unknown; else nothing was sent, which is raised."""
    if isinstance(error, NoAnswer):
        return Unknown(error.value)
    if isinstance(error, TooLarge):
        return Unknown(f"the answer had more than {error.value} bytes and was dropped")
    raise error.failure() from None


def refused(answer: Answer) -> Outcome:
    """What a write's refusing answer means.

    A 5xx is *unknown* (the system may have committed before it fell over), unless it names a time to come back. What says that
    nothing was done and may be tried again is raised.
    """
    status = answer.status
    if status in (404, 410):
        return Gone()
    if status == 408 or 500 <= status <= 599:
        wait = answer.retry_after_ms()
        if status == 503 and wait is not None:
            raise RetryAfterFailure(wait)
        return Unknown(answer.message())
    failure = answer.failure()
    if isinstance(failure, RejectedFailure):
        return Refused(failure.kind, failure.message, failure.field)
    raise failure


def later(failure: Failure) -> Outcome:
    """The outcome of a delivery that was not sent because of this failure."""
    if isinstance(failure, RetryAfterFailure):
        return Later(failure.ms)
    if isinstance(failure, RejectedFailure):
        return Refused(failure.kind, failure.message, failure.field)
    # With another one the next call fails as a whole and says why.
    return Later(RETRY_AFTER_DEFAULT_MS if isinstance(failure, Unavailable) else 1)


def written(record: SourceRecord) -> Written:
    """Written, with the thing as it was read back."""
    return Written(record.remote_id, record.body, record.version, record.modified_at)
