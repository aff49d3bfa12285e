"""Bounds of the SDK, unit last in the name, reason beside it; the same as in sdk/rust."""

#: Wait proposed when a system says "later" without saying when.
RETRY_AFTER_DEFAULT_MS = 30_000
#: Longest wait passed on: the host accepts no more, and a date far away is usually a wrong clock.
RETRY_AFTER_MS_MAX = 3_600_000
#: A system's own words in a message; more is a page of HTML.
MESSAGE_CHARS_MAX = 500
