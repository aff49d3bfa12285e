"""The same tables as in sdk/rust: what an answer asks for next, what is cut out, what became of a write, times, names."""
import dataclasses
import pathlib
import unittest

from nave_sdk import (
    CheckpointExpired, Connector, Failure, Misconfigured, Rejected, RetryAfter, Unauthorized, Unavailable, body, checkpoint, describe,
    folder, host, http, names, slices, time, write,
)
from nave_sdk.testing import FakeHost, fails, reply


def raised(code):
    """The failure that comes of it."""
    try:
        code()
    except http.HttpError as error:
        return error.failure()
    except Failure as failure:
        return failure
    return None


def answer(status, headers=None, said=""):
    return http.Answer(status, list((headers or {}).items()), said.encode())


@dataclasses.dataclass
class Position:
    after: int = 0
    seen: bool = False


class Sdk(unittest.TestCase):
    def test_a_status_names_the_next_move(self):
        for status, headers, said, expected in [
            (401, {}, '{"message":"wrong key"}', Unauthorized("HTTP 401: wrong key")),
            (429, {"Retry-After": "7"}, "", RetryAfter(7_000)),
            (429, {"retry-after": "0.5"}, "", RetryAfter(500)),
            (429, {"Retry-After": "Tue, 24 Nov 2026 02:00:09 GMT"}, "", RetryAfter(9_000)),
            (429, {"Retry-After": "Tue, 24 Nov 2026 01:00:00 GMT"}, "", RetryAfter(1)),
            (429, {"Retry-After": "99999999"}, "", RetryAfter(3_600_000)),
            (429, {"Retry-After": "soon"}, "", RetryAfter(30_000)),
            (503, {"Retry-After": "2"}, "", RetryAfter(2_000)),
            (503, {}, "<html><h1>Down</h1> now</html>", Unavailable("HTTP 503: Down now")),
            (302, {"location": "https://x"}, "", Misconfigured("the system sends us elsewhere (302 to https://x); correct the address in the connection's settings")),
            (403, {}, '{"detail":"no"}', Rejected("forbidden", "HTTP 403: no")),
            (404, {}, "", Rejected("reference", "HTTP 404")),
            (409, {}, '{"error":"twice"}', Rejected("duplicate", "HTTP 409: twice")),
        ]:
            with self.subTest(status=status, headers=headers), FakeHost(at="2026-11-24T02:00:00Z"):
                self.assertEqual(raised(answer(status, headers, said).ok), expected)
        self.assertEqual(answer(200, {}, '{"n":7}').ok().text("n"), "7")

    def test_a_request_that_failed_names_the_next_move(self):
        for kind, value, expected in [
            ("Denied", "endpoint `x`", Misconfigured("endpoint `x`")),
            ("Denied", "net.bad-path: ..", Rejected("other", "net.bad-path: ..")),
            ("Unreachable", "refused", Unavailable("refused")),
            ("NoAnswer", "cut", Unavailable("cut")),
            ("TooLarge", 33_554_432, Rejected("length", "the answer has more than 33554432 bytes, which the host accepts at most")),
            ("Quota", "used up", RetryAfter(30_000)),
        ]:
            def failing(endpoint, request):
                raise fails(kind, value)

            with self.subTest(kind=kind), FakeHost(answer=failing):
                self.assertEqual(raised(http.get("api", "/me").send), expected)

    def test_queries_and_segments_are_encoded(self):
        self.assertEqual(http.get("api", "/a").query("q", "a b&c=ü").query("x", 1).path, "/a?q=a%20b%26c%3D%C3%BC&x=1")
        self.assertEqual([http.segment(text) for text in ("../x", "..", "it's~")], ["..%2Fx", "%2E%2E", "it%27s~"])

    def test_elements_keep_their_bytes(self):
        for json, path, expected in [
            ('{"results":[{"id": 1 },{"id":"2","x":1.10}],"more":{}}', "results", ['{"id": 1 }', '{"id":"2","x":1.10}']),
            ('{"a":{"b":[1,[2],"]\\"}"] } }', "a.b", ["1", "[2]", '"]\\"}"']),
            (" [ {} , null ]\n", "", ["{}", "null"]),
            ('{"results":null}', "results", []),
            ("{}", "results", []),
        ]:
            self.assertEqual([row.json for row in slices.array(json, path)], expected, json)
        # Nothing that a system said of its rows: whoever is missing in it is not gone.
        for json, path in [("42", "results"), ('"maintenance"', "results"), ("[1]", "results"), ("<html>", "results"), ('{"results":{}}', "results"), (b'"\xff"', ""), ("[NaN]", ""), ("{} {}", ""), ("[" * 500 + "]" * 500, ""), ('{"a":' * 500 + "1" + "}" * 500, "")]:
            self.assertIsInstance(raised(lambda: slices.array(json, path)), Unavailable, json)

    def test_text_is_cut_out_as_it_is_spelled(self):
        row = slices.at('{"id":12345678901234567890,"p":{"n":"a\\"b","o":null,"l":[]},"b":true,"bad":"\\ud800","x":1,"x":1.10}')
        texts = [row.text(path) for path in ("id", "p.n", "b", "x", "p.o", "p.l", "p.n.x", "none", "bad", "")]
        self.assertEqual(texts, ["12345678901234567890", 'a"b', "true", "1.10"] + [None] * 6)

    def test_every_row_becomes_a_record(self):
        rows = slices.array('[{"id":7},{"id":null,"n":1},{"n":2},{"id":""},{"id":["x"]},3]')
        records = [slices.record(row, "id") for row in rows]
        self.assertEqual([record.remote_id for record in records], ["7", "", "", "", "", ""])
        self.assertEqual(records[1].body, b'{"id":null,"n":1}')
        self.assertEqual(slices.found(rows[0], "id").remote_id, "7")
        message = 'the answer has a row without `id`: {"id":null,"n":1}'
        self.assertEqual(raised(lambda: slices.found(rows[1], "id")), Rejected("format", message))

    def test_what_was_done_is_never_hidden_behind_an_error(self):
        ok, unknown = write.Written("1"), write.Unknown
        for steps, expected in [
            ([ok, ok, ok], [ok, ok, ok]),
            ([RetryAfter(5)], RetryAfter(5)),
            ([ok, RetryAfter(5)], [ok, write.Later(5), write.Later(5)]),
            ([ok, Unavailable("x")], [ok, write.Later(30_000), write.Later(30_000)]),
            ([http.NoAnswer("cut"), Unauthorized("x")], [unknown("cut"), write.Later(1), write.Later(1)]),
            ([Rejected("format", "no"), ok, ok], [write.Refused("format", "no"), ok, ok]),
            ([http.Unreachable("refused")], Unavailable("refused")),
            ([http.TooLarge(9), ok, ok], [unknown("the answer had more than 9 bytes and was dropped"), ok, ok]),
        ]:
            left, got = list(steps), []

            def deliver(_):
                step = left.pop(0)
                if isinstance(step, Exception):
                    raise step
                return step

            failed = raised(lambda: got.extend(write.one_by_one([1, 2, 3], deliver)))
            self.assertEqual(failed or got, expected)

    def test_a_failing_server_may_have_done_it(self):
        self.assertEqual(write.refused(answer(502)), write.Unknown("HTTP 502"))
        self.assertEqual(raised(lambda: write.refused(answer(503, {"Retry-After": "3"}))), RetryAfter(3_000))
        self.assertEqual(write.refused(answer(404)), write.Gone())
        self.assertEqual(raised(lambda: write.refused(answer(401))), Unauthorized("HTTP 401"))
        self.assertEqual(write.refused(answer(422)), write.Refused("format", "HTTP 422"))

    def test_a_checkpoint_that_goes_out_comes_back(self):
        self.assertEqual(checkpoint.decode(checkpoint.encode(Position(7, True)), Position), Position(7, True))
        self.assertEqual(checkpoint.decode(None, Position), Position())
        # Not a text in another encoding: a plugin could not read it.
        utf16 = '{"after":7,"seen":true}'.encode("utf-16-le")
        for other in (utf16, b'{"before":1}', b'{"after":"7","seen":true}', b"null", b"x", b"\xff"):
            self.assertEqual(raised(lambda: checkpoint.decode(other, Position)), CheckpointExpired(), other)

    def test_times_are_read_and_spelled(self):
        for said, expected in [
            ("2026-11-24T02:10:18.637950Z", "2026-11-24T02:10:18.637950Z"),
            ("2026-11-24T02:10:18.637Z", "2026-11-24T02:10:18.637Z"),
            ("2026-11-24 02:10:18", "2026-11-24T02:10:18Z"),
            ("2026-11-24T02:10:18+05:30", "2026-11-23T20:40:18Z"),
            ("2024-02-29", "2024-02-29T00:00:00Z"),
            ("1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.500Z"),
            ("2026-13-01", None),
            ("2026-11-24T02", None),
            ("yesterday", None),
            ("２026-11-24", None),
        ]:
            us = time.parse_rfc3339(said)
            self.assertEqual(None if us is None else time.rfc3339(us), expected, said)
        self.assertEqual(time.rfc3339(time.parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT")), "1994-11-06T08:49:37Z")
        self.assertIsNone(time.parse_http_date("whenever"))

    def test_names_are_taken_apart_and_put_together(self):
        for name, first, last in [
            ("Ada Lovelace", "Ada", "Lovelace"),
            ("Mary Jane Watson", "Mary Jane", "Watson"),
            ("Jan van der Berg", "Jan", "van der Berg"),
            ("van der Berg", None, "van der Berg"),
            ("de boar", None, "de boar"),
            ("mary boar", "mary", "boar"),
            ("Cher", None, "Cher"),
            ("", None, None),
        ]:
            self.assertEqual(names.split(name), (first, last))
            self.assertEqual(names.join(first, last) or "", name)

    def test_what_the_host_has_is_reached_through_it(self):
        with FakeHost(settings={"url": "x"}, at="2026-11-24T02:00:00Z", folders={"in": {"a.txt": "one"}}) as at:
            self.assertEqual(host.settings("url")["url"], "x")
            self.assertIn("`none` is missing", raised(lambda: host.settings("none")).message)
            self.assertEqual(host.now_ms(), 1_795_485_600_000)
            host.log("info", "hello")
            host.state_set("k", "v")
            self.assertEqual(host.state_get("k"), b"v")
            folder.append("in", "a.txt", " two")
            self.assertEqual([(entry.name, entry.size) for entry in folder.list("in")], [("a.txt", 7)])
            self.assertEqual(folder.read("in", "a.txt", 4, 9), b"two")
            self.assertIsInstance(raised(lambda: folder.read("in", "b.txt", 0, 1)), Unavailable)
            self.assertEqual(raised(lambda: folder.list("out")), Misconfigured("the folder out is not granted"))
        self.assertEqual(at.log, ["info: hello"])
        with self.assertRaisesRegex(RuntimeError, "FakeHost"):
            host.now_ms()

    def test_what_a_connector_leaves_out_is_refused(self):
        self.assertEqual(raised(lambda: Connector().write("s", [])), Rejected("read-only", "the stream s cannot be written"))
        self.assertEqual(raised(lambda: Connector().find("s", "p", [])), Rejected("other", "the stream s cannot be searched by p"))
        self.assertEqual(raised(lambda: body.parsed(b"[]")), Rejected("format", "the delivery's body is not a JSON object"))
        self.assertEqual(describe.unreadable("1", "why").body, "! why")
        self.assertEqual(reply(200, {"a": 1}).body, b'{"a":1}')

    def test_the_pages_example_is_a_connector(self):
        page = (pathlib.Path(__file__).parent.parent / "README.md").read_text()
        own = {}
        exec(page.split("```python\n")[1].split("```")[0], own)
        desk = own["Desk"]()
        with FakeHost(answer=lambda _, request: reply(200, '{"tickets":[{"id":7}]}' if request.path == "/tickets" else '{"id":7,"name":"Ada"}')):
            said = (desk.check().account, desk.discover()[0].name, desk.read("tickets", None, 9).records[0].remote_id)
            self.assertEqual(said + (desk.get("tickets", ["7"])[0].remote_id,), ("Ada", "tickets", "7", "7"))


if __name__ == "__main__":
    unittest.main()
