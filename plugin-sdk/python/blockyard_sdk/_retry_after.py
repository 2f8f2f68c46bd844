"""The header ``Retry-After``."""

from __future__ import annotations

import math

_MONTHS = {
    name: at
    for at, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), start=1
    )
}
_MAX_MS = 2**53 - 1


def milliseconds(value: str, date: str | None) -> int | None:
    """Milliseconds to wait: seconds, possibly with a fraction, or a date, which is measured from ``date``."""
    exact = number(value, 1000)
    if exact is not None:
        return exact
    end, start = _seconds(value), _seconds(date or "")
    return None if end is None or start is None else min(_MAX_MS, max(0, end - start) * 1000)


def number(text: str, scale: int) -> int | None:
    """Digits, possibly with a fraction, in units of ``scale`` milliseconds; whole ones, and no more than ``_MAX_MS``."""
    whole, point, fraction = text.strip().partition(".")
    if not all(part.isascii() and part.isdecimal() for part in ((whole, fraction) if point else (whole,))):
        return None
    return math.ceil(min(float(_MAX_MS), float(text) * scale))


def _seconds(date: str) -> int | None:
    """Seconds since 1970 of a date such as ``Sun, 06 Nov 1994 08:49:37 GMT`` (RFC 9110, section 5.6.7)."""
    try:
        _, day, month, year, time, _ = date.split()
        hour, minute, second = (int(part) for part in time.split(":"))
        days = _days(int(year), _MONTHS[month], int(day))
    except (KeyError, ValueError):
        return None
    return days * 86_400 + hour * 3600 + minute * 60 + second


def _days(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 in the Gregorian calendar. Years begin in March here, so that the leap day comes last."""
    year -= month <= 2
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return year * 365 + year // 4 - year // 100 + year // 400 + of_year - 719_468
