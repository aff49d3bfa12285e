"""The contract's records, with what is usual left out: streams, fields, pages, source records."""
from __future__ import annotations

from dataclasses import dataclass, field as own
from typing import Any


@dataclass
class Capabilities:
    """Read by full scans; everything else no. The contract (wit/v0.2/source.wit) says what each means."""

    readable: bool = True
    writable: bool = False
    changes: str = "full-scan"
    deletes: str = "full-scan"
    webhooks: bool = False
    upsert_by: list[str] = own(default_factory=list)
    batch_max: int = 1
    idempotency_key: bool = False
    conditional_write: bool = False
    write_mode: str = "patch"
    deletable: bool = False
    mergeable: bool = False
    searchable: list[str] = own(default_factory=list)
    read_lag_ms: int = 0


@dataclass
class Field:
    """An optional, writable field.

    `type`: text, integer, decimal, boolean, date, timestamp, email, phone, url, enum, reference, list, object, json.
    """

    path: str
    label: str
    type: str
    required: bool = False
    read_only: bool = False
    unique: bool = False
    max_length: int | None = None
    values: list[str] = own(default_factory=list)
    target: str | None = None
    custom: bool = False


@dataclass
class Stream:
    """A stream that can be read by full scans and not be written, but for what `capabilities` says."""

    name: str
    label: str
    fields: list[Field] = own(default_factory=list)
    capabilities: Capabilities = own(default_factory=Capabilities)


@dataclass
class SourceRecord:
    """One thing as the system spelled it. `only`: the paths that were read; none means the whole thing."""

    remote_id: str
    body: Any = b""
    version: str | None = None
    modified_at: str | None = None
    field_times: list[tuple[str, str]] = own(default_factory=list)
    only: list[str] | None = None
    operation: str = "upsert"
    winner: str | None = None


@dataclass
class Page:
    """Records and where to go on. See `page_more`, `page_end` and `scan_end`.

    `total`: about how many things this scan goes through from its beginning to its end, where the system says so, for people to see how far
    it is. What was said last stands for the pages that follow; nothing is concluded from it.
    """

    records: list[SourceRecord]
    next: bytes
    more: bool
    complete_scan: bool
    total: int | None = None


@dataclass
class CheckReport:
    """The credential opens this account."""

    account: str
    environment: str = ""
    scopes: list[str] = own(default_factory=list)
    limits: list[tuple[str, str]] = own(default_factory=list)


@dataclass
class Event:
    """What a call of the system is about."""

    stream: str
    remote_ids: list[str]


def record(remote_id: str, body: Any, **more: Any) -> SourceRecord:
    """A thing with its whole body: bytes or text as they are, anything else as JSON."""
    return SourceRecord(remote_id, body, **more)


def unreadable(remote_id: str, reason: str) -> SourceRecord:
    """A thing that cannot be read, under its id or its place: it is counted, and set aside with this reason."""
    return SourceRecord(remote_id, f"! {reason}", only=[])


def deleted(remote_id: str) -> SourceRecord:
    """The system said that it is gone."""
    return SourceRecord(remote_id, operation="delete")


def merged_into(remote_id: str, winner: str) -> SourceRecord:
    """The system merged it into another one."""
    return SourceRecord(remote_id, operation="merged-into", winner=winner)


def page_more(records: list[SourceRecord], next: bytes, total: int | None = None) -> Page:
    """Records, and more to come."""
    return Page(records, next, True, False, total)


def page_end(records: list[SourceRecord], next: bytes, total: int | None = None) -> Page:
    """Records, and nothing more for now."""
    return Page(records, next, False, False, total)


def scan_end(records: list[SourceRecord], next: bytes, total: int | None = None) -> Page:
    """The last page of a scan that has seen every live thing."""
    return Page(records, next, False, True, total)


def account(name: str) -> CheckReport:
    """The credential opens this account."""
    return CheckReport(name)
