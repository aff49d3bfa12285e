"""Names of persons, for systems that keep them in one field."""
from __future__ import annotations

#: Words that begin a last name, though they look like a first one.
_PARTICLES = frozenset(
    "af av da de dei del della den der di dos du el la le ten ter van vom von y zu zum zur".split()
)


def split(name: str) -> tuple[str | None, str | None]:
    """A person's name in two: the last word, with small words before it (`van der Berg`), is the last name.

    What begins with a particle has no first name. `join` makes the same name of them again, but for double spaces.
    """
    words = name.split()
    at = max(len(words) - 1, 0)
    while at > 1 and words[at - 1].isalpha() and words[at - 1].islower():
        at -= 1
    if at == 1 and words[0] in _PARTICLES:
        at = 0
    return " ".join(words[:at]) or None, " ".join(words[at:]) or None


def join(first: str | None, last: str | None) -> str | None:
    """A person's name from its two parts; none where both are empty."""
    return " ".join(part.strip() for part in (first, last) if part and part.strip()) or None
