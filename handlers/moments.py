"""Time as people type it: a span (`4h`, `2 days`), or a moment in their own time zone (`friday 18:00`, `tomorrow`)."""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime, time, timedelta, tzinfo

from dateutil import parser, tz

from domain.errors import Refused
from domain.request import duration
from domain.words import say

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
UNITS = {
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), (1, "m")),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), (1, "h")),
    **dict.fromkeys(("d", "day", "days"), (1, "d")),
    **dict.fromkeys(("w", "week", "weeks"), (7, "d")),
}
FILLERS = frozenset({"until", "till", "on", "at", "for"})
END_OF_DAY = time(23, 59)
MOST = 60
_DASHES = str.maketrans(dict.fromkeys("–—―", "-"))
_PART = re.compile(r"([0-9]{1,6}) ?([a-z]+)(?: and |, ?| |$)?")
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+\-]*(?:/[A-Za-z0-9_+\-]+)*")
_ISO = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[t ]([0-9]{1,2}:[0-9]{2})(?::[0-9]{2})? ?(z|utc|[+\-][0-9]{2}:?[0-9]{2})?)?"
)
_TIME = re.compile(r"([0-9]{1,2})(?::([0-9]{2}))? ?(am|pm)?")
# A month by its name; 11/12 means two different days to two people, so it is not read at all.
_MONTH = "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}"
_DATE = re.compile(rf"(?:[0-9]{{1,2}}\.? {_MONTH}|{_MONTH} [0-9]{{1,2}},?)(?: [0-9]{{4}})?")


def seconds(text: str, field: str = "span") -> int:
    """Seconds of a span as people type it, `4h`, `+1d12h`, `2 days`; raises Refused."""
    return duration(_span(_plain(text)) or text[:MOST], field)


def until(text: str, now: float, zone_name: str) -> float:
    """The moment that is meant (epoch seconds), in the future; raises Refused with examples.

    A day alone means its end; a time alone its next coming; a date without a year is of this year.
    """
    zone = _zone(zone_name)
    plain = " ".join(word for word in _plain(text).replace(",", " ").split() if word not in FILLERS)
    span = _span(plain)
    if span:
        return now + duration(span, "when")
    try:
        moment = _moment(plain, datetime.fromtimestamp(now, zone), zone)
        at = tz.resolve_imaginary(moment).timestamp() if moment else None
    except (ValueError, OverflowError, OSError):
        at = None
    if at is None:
        told = say(
            "“{text}” is no time I can read. Write 4h, tomorrow 9:00, friday 18:00 or 2026-11-25 09:00.",
            text=text[:MOST],
        )
        raise Refused("UnreadableTime", told, "when")
    if at <= now:
        told = say(
            "“{text}” is in the past ({when}). Write a time to come, with its year.", text=text[:MOST], when=_utc(at)
        )
        raise Refused("PastTime", told, "when")
    return at


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).lower().translate(_DASHES).split())


def _span(plain: str) -> str:
    """`1d12h` out of `+1 day and 12 hours`; empty when this is no span."""
    rest, found = plain.removeprefix("+").strip(), ""
    while rest:
        part = _PART.match(rest)
        if part is None or part.group(2) not in UNITS:
            return ""
        factor, unit = UNITS[part.group(2)]
        found += f"{int(part.group(1)) * factor}{unit}"
        rest = rest[part.end() :]
    return found


def _zone(name: str) -> tzinfo:
    """A zone of the tz database; UTC for anything else: what Slack calls a zone becomes no path and no rule here."""
    found = tz.gettz(name) if _ZONE.fullmatch(name) else None
    return found or tz.UTC


def _moment(plain: str, today: datetime, zone: tzinfo) -> datetime | None:
    iso = _ISO.fullmatch(plain)
    if iso:
        day, clock, offset = iso.groups()
        at = _time(clock) if clock else END_OF_DAY
        where = parser.isoparse(f"{day}T00:00{offset.replace('utc', 'Z').upper()}").tzinfo if offset else zone
        return datetime.combine(date.fromisoformat(day), at, where) if at else None
    words = plain.split()
    if not words:
        return None
    clock_words = next((n for n in (2, 1) if len(words) >= n and _TIME.fullmatch(" ".join(words[-n:]))), 0)
    said_day = " ".join(words[: len(words) - clock_words])
    at = _time(" ".join(words[-clock_words:])) if clock_words else END_OF_DAY
    if at is None and said_day:  # the last word is no time but part of a date: `nov 25`
        said_day, at = plain, END_OF_DAY
    return None if at is None else _combined(said_day, at, today, zone)


def _combined(said_day: str, at: time, today: datetime, zone: tzinfo) -> datetime | None:
    """That time of that day; of a weekday, and where no day is said, the next such moment."""
    first, every = today.date(), 0
    if not said_day:
        every = 1
    elif said_day in ("tomorrow", "today", "tonight"):
        first += timedelta(days=said_day == "tomorrow")
    elif len(said_day) >= 3 and any(day.startswith(said_day) for day in WEEKDAYS):
        number = next(n for n, day in enumerate(WEEKDAYS) if day.startswith(said_day))
        first, every = first + timedelta(days=(number - first.weekday()) % 7), 7
    elif _DATE.fullmatch(said_day):
        first = parser.parse(said_day, default=datetime.combine(first, time())).date()
    else:
        return None
    moment = datetime.combine(first, at, zone)
    return moment if moment > today or not every else moment + timedelta(days=every)


def _time(text: str) -> time | None:
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    hour, minute, half = found.groups()
    if minute is None and half is None:
        return None  # a bare number is a day as well as an hour
    if half and not 1 <= int(hour) <= 12:
        return None
    number = int(hour) % 12 + (12 if half == "pm" else 0) if half else int(hour)
    return time(number, int(minute or 0)) if number < 24 and int(minute or 0) < 60 else None


def _utc(at: float) -> str:
    return datetime.fromtimestamp(at, tz.UTC).strftime("%Y-%m-%d %H:%M UTC")
