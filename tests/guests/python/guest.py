"""A whole source in Python: two contacts, and a check that asks the endpoint `api` who we are."""
import json
from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.connection import CheckReport
from wit_world.exports.source import Capabilities, ChangeDetection, DeleteDetection, Field, FieldType, Page, Stream, WriteMode
from wit_world.imports import http, log
from wit_world.imports.types import Coverage_Complete, Failure_Misconfigured, Failure_Unavailable, LogLevel, Operation_Upsert, SourceRecord

CONTACTS = [{"id": "1", "name": "Ada"}, {"id": "2", "name": "Grace ☃"}]

def field(path):
    return Field(path, path, FieldType.TEXT, False, True, path == "id", None, [], None, False)

def record(contact):
    return SourceRecord(contact["id"], None, None, [], Coverage_Complete(), Operation_Upsert(), json.dumps(contact).encode())

class Source(exports.Source):
    def discover(self):
        return [Stream("contacts", "Contacts", [field("id"), field("name")], Capabilities(
            True, False, ChangeDetection.FULL_SCAN, DeleteDetection.FULL_SCAN, False, [], 1,
            False, False, WriteMode.PATCH, False, False, [], 0))]

    def read(self, stream, checkpoint, limit):
        if stream != "contacts":
            raise Err(Failure_Misconfigured(f"no stream {stream}"))
        start = checkpoint[0] if checkpoint else 0
        next = min(start + limit, len(CONTACTS))
        log.write(LogLevel.INFO, f"read {next - start}")
        return Page([record(c) for c in CONTACTS[start:next]], bytes([next]), next < len(CONTACTS), next == len(CONTACTS))

    def acknowledge(self, stream, checkpoint):
        pass

    def get(self, stream, ids):
        return [record(c) for c in CONTACTS if c["id"] in ids]

class Connection(exports.Connection):
    def check(self):
        try:
            answer = http.send("api", http.Request("GET", "/me", [("accept", "text/plain")], None))
        except Err as error:
            name = type(error.value).__name__.removeprefix("Error_").lower()
            raise Err(Failure_Unavailable(f"{name}: {error.value.value}"))
        return CheckReport(answer.body.decode(), "", [], [])

    def webhook(self, request):
        return []
