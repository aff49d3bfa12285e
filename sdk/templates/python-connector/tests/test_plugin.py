import json
import unittest
from urllib.parse import parse_qs, urlsplit

from nave_sdk import describe, write
from nave_sdk.testing import FakeHost, fails, reply
from plugin import People

ADA = b'{"id":"1","name":"Ada","changed":"2026-01-02T03:04:05Z"}'
BO = b'{"id":"2","name":"Bo","changed":"2026-01-02T03:05:00Z"}'
NAMELESS = b'{"id":null,"name":"Nobody","changed":"2026-01-02T03:04:04Z"}'


def system(people, at="2026-01-03T00:00:00Z"):
    """A system with these people; it answers questions for a page as plugin.py says above."""

    def place(row):
        own = json.loads(row)
        return own["changed"], own["id"] or ""

    def answer(endpoint, request):
        query = parse_qs(urlsplit(request.path).query, keep_blank_values=True)
        rows = sorted((row for row in people if place(row) > (query["since"][0], query["after"][0])), key=place)
        return reply(200, b'{"people":[' + b",".join(rows[: int(query["limit"][0])]) + b"]}")

    return FakeHost(at=at, answer=answer)


def read(host, checkpoint, limit):
    """Reads to the end of a pass: the bodies and the last page."""
    bodies = []
    with host:
        while True:
            page = People().read("people", checkpoint, limit)
            bodies += [record.body for record in page.records]
            if not page.more:
                return bodies, page
            checkpoint = page.next


CREATE = [write.Delivery("d1", write.Create(), b'{"name":"Ada"}', b'{"name":"Ada"}')]


class Plugin(unittest.TestCase):
    def test_everything_is_read_page_by_page(self):
        for limit in (1, 2, 3):
            bodies, last = read(system([ADA, BO]), None, limit)
            self.assertEqual((bodies, last.complete_scan), ([ADA, BO], True))

    def test_a_bad_row_hides_no_other(self):
        """A row without an id is handed on, the page after it is read, and nobody counts as deleted because of it."""
        bodies, last = read(system([NAMELESS, ADA, BO]), None, 2)
        self.assertEqual((bodies, last.complete_scan), ([NAMELESS, ADA, BO], False))

    def test_then_what_changed_is_read(self):
        _, first = read(system([ADA, BO]), None, 9)
        # The newest change and what came shortly before it are read again; what is older is not, and nothing is complete.
        host = system([ADA, BO])
        bodies, last = read(host, first.next, 9)
        self.assertEqual((bodies, last.complete_scan), ([ADA, BO], False))
        self.assertIn("since=2026-01-02T03%3A04%3A00Z&", host.requests[0][1].path)
        # A day later everything is read, so that what was deleted is missed.
        bodies, last = read(system([BO], at="2026-01-04T00:00:00Z"), last.next, 9)
        self.assertEqual((bodies, last.complete_scan), ([BO], True))

    def test_what_is_written_is_read_back(self):
        with FakeHost(answer=lambda endpoint, request: reply(201, ADA)) as host:
            [outcome] = People().write("people", CREATE)
        self.assertEqual((outcome.remote_id, outcome.body), ("1", ADA))
        _, request = host.requests[0]
        self.assertEqual((request.method, json.loads(request.body)["name"]), ("POST", "Ada"))

    def test_a_lost_answer_is_unknown(self):
        def cut(endpoint, request):
            raise fails("NoAnswer", "the connection was cut")

        with FakeHost(answer=cut):
            self.assertEqual(People().write("people", CREATE), [write.Unknown("the connection was cut")])

    def test_gone_is_a_deletion(self):
        with FakeHost(answer=lambda endpoint, request: reply(404, "{}")):
            self.assertEqual(People().get("people", ["9"]), [describe.deleted("9")])


if __name__ == "__main__":
    unittest.main()
