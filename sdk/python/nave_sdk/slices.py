"""Cuts records out of a vendor's answer without taking them apart: bodies stay the vendor's bytes, and an id of twenty digits
stays what it is."""
from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Iterator

from . import describe
from ._bytes import json_text, to_bytes
from .failure import Rejected, Unavailable
from .limits import MESSAGE_CHARS_MAX


class _Spelled(str):
    """A number, as it is spelled."""


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


_DECODER = json.JSONDecoder(parse_int=_Spelled, parse_float=_Spelled, parse_constant=_refuse)


@dataclass(frozen=True)
class Row:
    """One value of an answer, as the system spelled it: JSON text without blanks around it."""

    json: str

    def text(self, path: str) -> str | None:
        """Text of the value under a path with dots: a string's content, a number or a boolean as it is spelled; none for
        null, missing, lists and objects."""
        found = self.value()
        for key in _keys(path):
            found = found.get(key) if isinstance(found, dict) else None
        if isinstance(found, bool):
            return "true" if found else "false"
        if not isinstance(found, str):
            return None
        try:
            found.encode()
        except UnicodeEncodeError:
            return None
        return str(found)

    def value(self) -> Any:
        """The value, decoded; numbers are texts as they are spelled."""
        return _DECODER.raw_decode(self.json)[0]


def array(body: bytes | str, path: str = "") -> list[Row]:
    """The elements of the array under `path` (keys with dots between them; empty: the answer itself is the array).

    Missing or null is no elements; an answer that is no object has no keys that could be missing, and is not the one expected.
    """
    found = at(body, path)
    if found is None and not at(body).json.startswith("{"):
        raise Unavailable(f"the answer is no object, and `{path}` of it was expected")
    if found is None or found.json == "null":
        return []
    if not found.json.startswith("["):
        raise _misfit(path, "it is no list")
    return [Row(found.json[start:end]) for start, end in _elements(found.json)]


def at(body: bytes | str, path: str = "") -> Row | None:
    """The value under `path`, undecoded; none where there is none."""
    try:
        text = json_text(body).strip(" \t\r\n")
        # Whatever is cut out below is cut out of a text that is JSON.
        _, end = _DECODER.raw_decode(text)
        if end != len(text):
            raise ValueError(f"something follows at character {end}")
    except (ValueError, RecursionError) as error:
        raise _misfit(path, str(error)) from None
    for wanted in _keys(path):
        if not text.startswith("{"):
            return None
        places = [(start, end) for key, start, end in _members(text) if key == wanted]
        if not places:
            return None
        # Of two equal keys the last one counts, as everywhere.
        start, end = places[-1]
        text = text[start:end]
    return Row(text)


def record(row: Row, id: str) -> describe.SourceRecord:
    """A row as a record, its bytes untouched, its id the text or number under `id`.

    A row without one (missing, null, empty) becomes a record with an empty id: the hub sets it aside with its body, where a
    person finds it, and the rest of the page goes on. Never leave such a row out: nobody would miss it.
    """
    return describe.record(row.text(id) or "", to_bytes(row.json))


def found(row: Row, id: str) -> describe.SourceRecord:
    """As `record`, where a row without an id is of no use: the answer to a look-up, or to a write.

    It is an error that shows the row: what was found, and cannot be named, must not pass for nothing found.
    """
    made = record(row, id)
    if not made.remote_id:
        raise Rejected("format", f"the answer has a row without `{id}`: {row.json[:MESSAGE_CHARS_MAX]}")
    return made


def _misfit(path: str, why: str) -> Unavailable:
    return Unavailable(f"{path or 'the answer'} is not the JSON that was expected: {why}")


def _keys(path: str) -> list[str]:
    return [key for key in path.split(".") if key]


def _elements(text: str) -> Iterator[tuple[int, int]]:
    at = _blanks(text, 1)
    while text[at] != "]":
        _, end = _DECODER.raw_decode(text, at)
        yield at, end
        at = _blanks(text, end)
        if text[at] == ",":
            at = _blanks(text, at + 1)


def _members(text: str) -> Iterator[tuple[str, int, int]]:
    at = _blanks(text, 1)
    while text[at] != "}":
        key, colon = _DECODER.raw_decode(text, at)
        start = _blanks(text, _blanks(text, colon) + 1)
        _, end = _DECODER.raw_decode(text, start)
        yield key, start, end
        at = _blanks(text, end)
        if text[at] == ",":
            at = _blanks(text, at + 1)


def _blanks(text: str, at: int) -> int:
    while text[at] in " \t\r\n":
        at += 1
    return at
