"""Between the SDK's records and the generated ones. Imported in a plugin only."""
from __future__ import annotations

import builtins
import io
import sys
import time
from typing import Any, Callable

from componentize_py_types import Err
from wit_world import exports as contract
from wit_world.exports import connection, destination, source
from wit_world.imports import types

from . import describe, host, write
from ._bytes import to_bytes, well_formed
from .failure import CheckpointExpired, Failure, Misconfigured, Rejected, RetryAfter, Unauthorized, Unavailable
from .http import HttpError


class _Log:
    """`print` goes to the hub's log, line by line: a plugin has no standard output."""

    def __init__(self, level: str):
        self._level, self._rest = level, ""

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            host.log(self._level, line)
        return len(text)

    def flush(self) -> None:
        pass


def _none(what: str, instead: str) -> Callable[..., Any]:
    def refuse(*_: Any, **__: Any) -> Any:
        raise RuntimeError(f"a plugin has no {what}; {instead}")

    return refuse


def _say_what_is_not_there() -> None:
    """What would end the guest without a word says why before."""
    builtins.open = io.open = _none("files", "granted folders are read with nave_sdk.folder")
    for clock in ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "sleep"):
        setattr(time, clock, _none("clock of its own", "ask host.now_ms()"))


def _enum(kind: Any, word: str) -> Any:
    return kind[word.upper().replace("-", "_")]


def _rejection(kind: str, message: str, field: str | None) -> types.Rejection:
    return types.Rejection(kind, field, well_formed(message))


def _failure(failure: Failure) -> Any:
    if isinstance(failure, RetryAfter):
        return types.Failure_RetryAfter(failure.ms)
    if isinstance(failure, Rejected):
        return types.Failure_Rejected(_rejection(failure.kind, failure.message, failure.field))
    if isinstance(failure, CheckpointExpired):
        return types.Failure_CheckpointExpired()
    for kind, made in (
        (Unavailable, types.Failure_Unavailable),
        (Unauthorized, types.Failure_Unauthorized),
        (Misconfigured, types.Failure_Misconfigured),
    ):
        if isinstance(failure, kind):
            return made(well_formed(failure.message))
    raise TypeError(f"{type(failure).__name__} is not a failure of the contract")


def _said(call: Callable[[], Any]) -> Any:
    """A request that failed is the failure that fits; a mistake of the plugin goes to the log before it ends the guest."""
    try:
        return call()
    except HttpError as error:
        raise Err(_failure(error.failure()))
    except Failure as failure:
        raise Err(_failure(failure))
    except Exception as mistake:
        # Not traceback: it looks for the source files, and a plugin has none.
        at, places = mistake.__traceback__, []
        while at is not None:
            places.append(f"{at.tb_frame.f_code.co_filename}:{at.tb_lineno}")
            at = at.tb_next
        host.log("error", f"{type(mistake).__name__}: {mistake} ({' < '.join(reversed(places))})")
        raise


def _field(own: describe.Field) -> source.Field:
    kind = _enum(source.FieldType, own.type)
    return source.Field(own.path, own.label, kind, own.required, own.read_only, own.unique, own.max_length, list(own.values), own.target, own.custom)


def _stream(own: describe.Stream) -> source.Stream:
    can = own.capabilities
    return source.Stream(own.name, own.label, [_field(one) for one in own.fields], source.Capabilities(
        can.readable, can.writable, _enum(source.ChangeDetection, can.changes), _enum(source.DeleteDetection, can.deletes), can.webhooks,
        list(can.upsert_by), can.batch_max, can.idempotency_key, can.conditional_write, _enum(source.WriteMode, can.write_mode), can.deletable,
        can.mergeable, list(can.searchable), can.read_lag_ms))


def _record(own: describe.SourceRecord) -> types.SourceRecord:
    coverage = types.Coverage_Complete() if own.only is None else types.Coverage_Only(list(own.only))
    operation = {
        "upsert": types.Operation_Upsert, "delete": types.Operation_Delete,
        "merged-into": lambda: types.Operation_MergedInto(own.winner or ""),
    }[own.operation]()
    return types.SourceRecord(own.remote_id, own.version, own.modified_at, list(own.field_times), coverage, operation, to_bytes(own.body))


def _page(own: describe.Page) -> source.Page:
    return source.Page([_record(one) for one in own.records], to_bytes(own.next), own.more, own.complete_scan, own.total)


def _delivery(given: Any) -> write.Delivery:
    operation: Any
    match given.operation:
        case destination.WriteOperation_Update(remote_id):
            operation = write.Update(remote_id)
        case destination.WriteOperation_Delete(remote_id):
            operation = write.Delete(remote_id)
        case destination.WriteOperation_Merge((remote_id, into)):
            operation = write.Merge(remote_id, into)
        case _:
            operation = write.Create()
    return write.Delivery(given.id, operation, given.changed, given.desired, given.if_version)


def _outcome(own: write.Outcome) -> Any:
    match own:
        case write.Written():
            return destination.Outcome_Written(destination.Written(own.remote_id, own.version, own.modified_at, to_bytes(own.body)))
        case write.Conflict(record):
            return destination.Outcome_Conflict(_record(record))
        case write.Gone():
            return destination.Outcome_Gone()
        case write.MergedInto(winner):
            return destination.Outcome_MergedInto(winner)
        case write.Later(ms):
            return destination.Outcome_RetryAfter(ms)
        case write.Refused(kind, message, field):
            return destination.Outcome_Rejected(_rejection(kind, message, field))
        case write.Unknown(message):
            return destination.Outcome_Unknown(well_formed(message))
    raise TypeError(f"{type(own).__name__} is not an outcome of the contract")


def exports(own: Any) -> tuple[type, type, type]:
    """The classes that the tool looks for in plugin.py."""
    sys.stdout, sys.stderr = _Log("info"), _Log("warn")
    _say_what_is_not_there()

    class Connection(contract.Connection):
        def check(self) -> connection.CheckReport:
            made = _said(own.check)
            return connection.CheckReport(made.account, made.environment, list(made.scopes), list(made.limits))

        def webhook(self, request: Any) -> list[connection.Event]:
            return _said(lambda: [connection.Event(made.stream, list(made.remote_ids)) for made in own.webhook(request)])

    class Source(contract.Source):
        def discover(self) -> list[source.Stream]:
            return _said(lambda: [_stream(made) for made in own.discover()])

        def read(self, stream: str, checkpoint: bytes | None, limit: int) -> source.Page:
            return _said(lambda: _page(own.read(stream, checkpoint, limit)))

        def acknowledge(self, stream: str, checkpoint: bytes) -> None:
            _said(lambda: own.acknowledge(stream, checkpoint))

        def get(self, stream: str, ids: list[str]) -> list[types.SourceRecord]:
            return _said(lambda: [_record(made) for made in own.get(stream, ids)])

    class Destination(contract.Destination):
        def write(self, stream: str, deliveries: list[Any]) -> list[Any]:
            return _said(lambda: [_outcome(made) for made in own.write(stream, [_delivery(given) for given in deliveries])])

        def find(self, stream: str, path: str, values: list[str]) -> list[types.SourceRecord]:
            return _said(lambda: [_record(made) for made in own.find(stream, path, values)])

    return Connection, Source, Destination
