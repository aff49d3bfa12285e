"""Requests to the endpoints of the manifest, and what an answer means.

A guest names an endpoint and a path; host, credential and limits are the host's. `answer.ok()` turns a status into a `Failure`
by the next move it asks for; a connector that knows better looks at `answer.status` first.
"""
from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from . import _imports, host, time
from ._bytes import json_text, to_bytes, well_formed
from .failure import Failure, Misconfigured, Rejected, RetryAfter, Unauthorized, Unavailable
from .limits import MESSAGE_CHARS_MAX, RETRY_AFTER_DEFAULT_MS, RETRY_AFTER_MS_MAX


class HttpError(Exception):
    """Why nothing came back; one of the classes below. Out of a connector's function it is the failure that fits."""

    def __init__(self, value: Any):
        super().__init__(str(value))
        self.value = value

    def failure(self) -> Failure:
        """What a read asks for next."""
        return Unavailable(self.value)


class Denied(HttpError):
    """Not granted. Trying again is useless."""

    def failure(self) -> Failure:
        # The path was made of an id: that thing is at fault, and the others go on.
        return Rejected("other", self.value) if self.value.startswith("net.bad-path") else Misconfigured(self.value)


class Unreachable(HttpError):
    """Nothing was sent."""


class NoAnswer(HttpError):
    """It was sent, at least in part, and no answer came: the system may have done it."""


class TooLarge(HttpError):
    """The answer was larger than this limit, in bytes; it was dropped."""

    def failure(self) -> Failure:
        return Rejected("length", f"the answer has more than {self.value} bytes, which the host accepts at most")


class Quota(HttpError):
    """This run used up its requests, bytes or handles."""

    def failure(self) -> Failure:
        return RetryAfter(RETRY_AFTER_DEFAULT_MS)


_ERRORS = {kind.__name__: kind for kind in (Denied, Unreachable, NoAnswer, TooLarge, Quota)}


@dataclass
class RawRequest:
    """A request as the host takes it."""

    method: str
    path: str
    headers: list[tuple[str, str]] = field(default_factory=lambda: [("Accept", "application/json")])
    body: bytes | None = None


class Request:
    """A request being made."""

    def __init__(self, method: str, endpoint: str, path: str):
        self.endpoint = endpoint
        self.raw = RawRequest(method, path)

    def query(self, name: str, value: Any) -> Request:
        """Adds a query parameter, percent-encoded."""
        joint = "&" if "?" in self.raw.path else "?"
        self.raw.path += f"{joint}{percent_encode(name)}={percent_encode(str(value))}"
        return self

    def header(self, name: str, value: Any) -> Request:
        """Adds a header. Authorization, Cookie, Host and the transfer headers belong to the host."""
        self.raw.headers.append((name, well_formed(str(value))))
        return self

    def json(self, body: Any) -> Request:
        """Sets a JSON body. Bytes and text are sent as they are: they are JSON already."""
        return self.body(body, "application/json")

    def body(self, body: Any, content_type: str) -> Request:
        """Sets the body's bytes."""
        self.raw.body = to_bytes(body)
        return self.header("Content-Type", content_type)

    @property
    def path(self) -> str:
        """Path and query as they will be sent."""
        return self.raw.path

    def send(self) -> Answer:
        """Sends it; raises `HttpError` where nothing came back. In a write, `write.one_by_one` knows what that means."""
        raw = self.raw
        if _imports.GUEST:
            raw = _imports.http.Request(raw.method, raw.path, raw.headers, raw.body)
        try:
            response = _imports.http.send(self.endpoint, raw)
        except _imports.Err as error:
            kind = _ERRORS.get(type(error.value).__name__.removeprefix("Error_"), Unreachable)
            raise kind(error.value.value) from None
        return Answer(response.status, response.headers, response.body)


def request(method: str, endpoint: str, path: str) -> Request:
    """A request with any method."""
    return Request(method, endpoint, path)


def get(endpoint: str, path: str) -> Request:
    """`GET`."""
    return request("GET", endpoint, path)


def delete(endpoint: str, path: str) -> Request:
    """`DELETE`."""
    return request("DELETE", endpoint, path)


def post_json(endpoint: str, path: str, body: Any) -> Request:
    """`POST` with a JSON body."""
    return request("POST", endpoint, path).json(body)


def put_json(endpoint: str, path: str, body: Any) -> Request:
    """`PUT` with a JSON body."""
    return request("PUT", endpoint, path).json(body)


def patch_json(endpoint: str, path: str, body: Any) -> Request:
    """`PATCH` with a JSON body."""
    return request("PATCH", endpoint, path).json(body)


_CLASSES = {400: "format", 403: "forbidden", 404: "reference", 405: "read-only", 409: "duplicate", 410: "reference", 413: "length", 422: "format"}
_WORDS = ("message", "detail", "error_description", "Detail", "Message", "error", "title")


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    @property
    def is_success(self) -> bool:
        """200 to 299."""
        return 200 <= self.status <= 299

    def header(self, name: str) -> str | None:
        """A header by name, in any case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def ok(self) -> Answer:
        """This answer when it is a success, else what its status asks for is raised."""
        if self.is_success:
            return self
        raise self.failure()

    def json(self) -> Any:
        """The body as JSON. Something else where JSON was promised is `Unavailable`: usually a proxy's page."""
        try:
            return json.loads(json_text(self.body))
        except (ValueError, RecursionError) as error:
            begins = json.dumps(self._beginning(), ensure_ascii=False)
            raise Unavailable(f"the answer is not the JSON that was expected: {error}; it begins {begins}") from None

    def text(self, field: str) -> str:
        """The text of one top-level field of a JSON body; empty when there is none."""
        value = self._value()
        value = value.get(field) if isinstance(value, dict) else None
        if value is None:
            return ""
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))

    def failure(self) -> Failure:
        """What this status asks for next, as most systems use it."""
        status = self.status
        if status == 401:
            return Unauthorized(self.message())
        wait = self.retry_after_ms() if status in (429, 503) else None
        if status == 429:
            return RetryAfter(RETRY_AFTER_DEFAULT_MS if wait is None else wait)
        if status == 503 and wait is not None:
            return RetryAfter(wait)
        if status in (408, 425) or 500 <= status <= 599:
            return Unavailable(self.message())
        if 300 <= status <= 399:
            place = self.header("location") or "an unnamed place"
            return Misconfigured(f"the system sends us elsewhere ({status} to {place}); correct the address in the connection's settings")
        return self.rejection()

    def rejection(self) -> Rejected:
        """The refusal of this answer, classed by its status."""
        return Rejected(_CLASSES.get(self.status, "other"), self.message())

    def retry_after_ms(self) -> int | None:
        """The wait that the system asked for, from `Retry-After` (seconds or a date), bounded; none where it asks for none."""
        value = (self.header("retry-after") or "").strip()
        if re.fullmatch(r"[0-9]+(\.[0-9]*)?", value):
            wait = int(float(value) * 1000)
        else:
            at = time.parse_http_date(value)
            if at is None:
                return None
            wait = at // 1000 - host.now_ms()
        return min(max(wait, 1), RETRY_AFTER_MS_MAX)

    def message(self) -> str:
        """Status and the system's own words: the usual fields of a JSON error, else the beginning of the text."""
        value = self._value()
        found = (value.get(key) for key in _WORDS) if isinstance(value, dict) else ()
        words = next((word for word in found if isinstance(word, str) and word), None) or self._beginning()
        return well_formed(f"HTTP {self.status}: {words}" if words else f"HTTP {self.status}")

    def _value(self) -> Any:
        try:
            return json.loads(json_text(self.body))
        except (ValueError, RecursionError):
            return None

    def _beginning(self) -> str:
        """The beginning of the body as text, without markup."""
        text = self.body[: 4 * MESSAGE_CHARS_MAX].decode("utf-8", "replace")
        text = re.sub(r"<[^>]*(>|$)", "", text)
        return re.sub(r"[\s\x00-\x1f\x7f]+", " ", text).strip()[:MESSAGE_CHARS_MAX]


def percent_encode(text: str) -> str:
    """Percent-encodes everything but unreserved characters."""
    return quote(text.encode("utf-8", "replace"), safe="")


def segment(text: str) -> str:
    """A path segment, percent-encoded: a remote id never leaves its segment."""
    out = percent_encode(text)
    # A segment of dots alone would climb.
    return out.replace(".", "%2E") if out in (".", "..") else out
