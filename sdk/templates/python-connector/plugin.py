"""{{name}}: a connector for Nave.

It speaks to a small API. `GET /people?since=TIME&after=ID&limit=N` answers `{"people": [{"id": …, "changed": …, …}]}`:
at most N people that changed after TIME, or at TIME with an id above ID, the oldest change first; both empty is from
the beginning. `GET`, `PUT` and `DELETE /people/ID` are one of them, `POST /people` makes one and answers with it, and
`GET /people?email=…` finds those with that e-mail.
Change the paths and names to your system's; tests/test_plugin.py says whether it still keeps its promises.
"""
from dataclasses import dataclass, replace

from nave_sdk import Connector, Failure, Rejected, checkpoint, describe, exports, host, http, slices, time, write
from nave_sdk.describe import Capabilities, CheckReport, Field, Page, SourceRecord, Stream
from nave_sdk.failure import no_such_stream

#: Name of the endpoint in manifest.json.
API = "api"
#: The most rows that the system gives at once, as its documentation says: a page with fewer is the last one.
PAGE_ROWS_MAX = 1_000
#: What changed shortly before the newest change that we saw is read again: two changes may show up out of order.
OVERLAP_US = 60 * 1_000_000
#: The system does not say what was deleted: so often everything is read, and what is missing then is gone.
SCAN_EVERY_MS = 24 * 3_600_000


@dataclass
class Position:
    """Where reading goes on. It comes back as it was, perhaps more than once."""

    #: Time and id of the last row that was read; the id is empty where a pass begins.
    since: str = ""
    after: str = ""
    #: This pass reads everything, not only what changed.
    scan: bool = False
    #: A row of this scan had no id: who it is, and so who is missing, nobody knows.
    unnamed: bool = False
    #: When everything was read the last time.
    scanned_ms: int = 0


class People(Connector):
    def check(self) -> CheckReport:
        http.get(API, "/people?limit=1").send().ok()
        return describe.account("the account that the credential opens")

    def discover(self) -> list[Stream]:
        fields = [
            Field("id", "Id", "text", read_only=True, unique=True),
            Field("name", "Name", "text", required=True),
            Field("email", "E-mail", "email"),
            Field("changed", "Changed", "timestamp", read_only=True),
        ]
        capabilities = Capabilities(
            writable=True,
            deletable=True,
            write_mode="replace",
            # Reading by time shows what changed; only reading everything shows what was deleted.
            changes="incremental",
            deletes="full-scan",
            # By this the hub finds out what became of a create whose answer was lost: `natural-key` in the mapping.
            searchable=["email"],
            # Say true only if the system answers a repeated key with the first result: then the hub may send again a
            # create that it cannot look up. See `Idempotency-Key` below.
            idempotency_key=False,
        )
        return [Stream("people", "People", fields, capabilities)]

    def read(self, stream: str, from_: bytes | None, limit: int) -> Page:
        known(stream)
        position = checkpoint.decode(from_, Position)
        if not position.after and host.now_ms() - position.scanned_ms >= SCAN_EVERY_MS:
            position = Position(scan=True)
        size = min(max(limit, 1), PAGE_ROWS_MAX)
        request = http.get(API, "/people").query("since", position.since).query("after", position.after).query("limit", size)
        # One record per row, whatever is in it: the hub sets aside what it cannot take, and says so.
        rows = slices.array(request.send().ok().body, "people")
        records = [record(row) for row in rows]
        position.unnamed |= any(not made.remote_id for made in records)
        # What the system sent says whether this was all of it, never what became of it here.
        full = len(rows) >= size
        last = next((made for made in reversed(records) if made.remote_id and made.modified_at is not None), None)
        if last is not None:
            position.since, position.after = last.modified_at, last.remote_id
        elif full:
            raise Rejected("format", f"a whole page without an id and a time to go on from: {rows[0].json[:200]}")
        if full:
            return describe.page_more(records, checkpoint.encode(position))

        complete = position.scan and not position.unnamed
        if position.scan:
            position.scanned_ms = host.now_ms()
        if position.after:
            newest = time.parse_rfc3339(position.since)
            position.since = "" if newest is None else time.rfc3339(newest - OVERLAP_US)
        ahead = checkpoint.encode(Position(since=position.since, scanned_ms=position.scanned_ms))
        # Only a scan that saw every live thing is complete: what is missing in it counts as deleted.
        return describe.scan_end(records, ahead) if complete else describe.page_end(records, ahead)

    def get(self, stream: str, ids: list[str]) -> list[SourceRecord]:
        known(stream)
        return [one(id) for id in ids]

    def write(self, stream: str, deliveries: list[write.Delivery]) -> list[write.Outcome]:
        known(stream)
        # A request without an answer is an unknown outcome there, never a guess.
        return write.one_by_one(deliveries, deliver)

    def find(self, stream: str, path: str, values: list[str]) -> list[SourceRecord]:
        known(stream)
        answers = [http.get(API, "/people").query(path, value).send().ok() for value in values]
        # A row that cannot be named must not pass for nothing found: then it would be made again.
        return [found(row) for answer in answers for row in slices.array(answer.body, "people")]


def one(id: str) -> SourceRecord:
    answer = http.get(API, path(id)).send()
    if answer.status == 404:
        return describe.deleted(id)
    # The answer is the person that was asked for, whatever it says its id is.
    return replace(record(slices.at(answer.ok().body)), remote_id=id)


def deliver(delivery: write.Delivery) -> write.Outcome:
    match delivery.operation:
        case write.Create():
            # The id is the same when a delivery comes again: a system that knows the header makes nothing twice.
            request = http.post_json(API, "/people", delivery.desired).header("Idempotency-Key", delivery.id)
        case write.Update(id):
            request = http.put_json(API, path(id), delivery.desired)
        case write.Delete(id):
            request = http.delete(API, path(id))
        case _:
            return write.Refused("other", "people cannot be merged")
    answer = request.send()
    # `refused` knows when the system may have done it.
    if not answer.is_success:
        return write.refused(answer)
    if isinstance(delivery.operation, write.Delete):
        return write.Written(delivery.operation.remote_id)
    try:
        return write.written(found(slices.at(answer.body)))
    except Failure:
        return write.Unknown("the answer is not a person")


def known(stream: str) -> None:
    if stream != "people":
        raise no_such_stream(stream)


def path(id: str) -> str:
    return f"/people/{http.segment(id)}"


def record(row: slices.Row) -> SourceRecord:
    """The system's bytes, untouched: the hub decodes them. A row without an id becomes a record without one."""
    return replace(slices.record(row, "id"), modified_at=row.text("changed"))


def found(row: slices.Row) -> SourceRecord:
    """The same where a row without an id is of no use."""
    return replace(slices.found(row, "id"), modified_at=row.text("changed"))


Connection, Source, Destination = exports(People())
