"""RFC 3339 and HTTP dates, in microseconds since 1970, UTC. For the time that it is now, ask `host.now_ms()`."""
from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone

_RFC3339 = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[Tt ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]+))?)?(?:[Zz]|([+-])([0-9]{2})(?::?([0-9]{2}))?)?)?"
)
_HTTP = re.compile(r"\S+\s+([0-9]{1,2})\s+(\S+)\s+([0-9]{4})\s+([0-9]{2}:[0-9]{2}:[0-9]{2})\s+GMT")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def rfc3339(us: int) -> str:
    """RFC 3339 text with microseconds as they are needed (none, three or six digits), `Z`."""
    at = _EPOCH + timedelta(microseconds=us)
    clock = at.replace(tzinfo=None, microsecond=0).isoformat()
    if at.microsecond == 0:
        return f"{clock}Z"
    digits = f"{at.microsecond:06}"
    return f"{clock}.{digits[:3] if digits.endswith('000') else digits}Z"


def parse_rfc3339(text: str) -> int | None:
    """Parses RFC 3339 (`T` or a blank, an offset or `Z`; without one it is taken as UTC; a date alone is its midnight);
    none for anything else."""
    found = _RFC3339.fullmatch(text.strip())
    if not found:
        return None
    year, month, day, hour, minute, second = (int(digits or 0) for digits in found.groups()[:6])
    if hour > 24 or minute > 59 or second > 60:
        return None
    try:
        days = date(year, month, day).toordinal() - date(1970, 1, 1).toordinal()
    except ValueError:
        return None
    fraction = int((found[7] or "")[:6].ljust(6, "0"))
    offset = (-1 if found[8] == "-" else 1) * (int(found[9] or 0) * 60 + int(found[10] or 0))
    return ((days * 1440 + hour * 60 + minute - offset) * 60 + second) * 1_000_000 + fraction


def parse_http_date(text: str) -> int | None:
    """Parses `Sun, 06 Nov 1994 08:49:37 GMT`; none for anything else."""
    found = _HTTP.fullmatch(text.strip())
    if not found or found[2].lower() not in _MONTHS:
        return None
    month = _MONTHS.index(found[2].lower()) + 1
    return parse_rfc3339(f"{found[3]}-{month:02}-{int(found[1]):02}T{found[4]}Z")
