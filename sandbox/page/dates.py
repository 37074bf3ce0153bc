"""Slack's `<!date^…>` tokens, written in the reader's time zone."""

import re
import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

_TOKEN = re.compile(r"\{([a-z_]+)\}")


def render_date(stamp: str, pattern: str, fallback: str, tz: str) -> str:
    """The text of a date token; the fallback where the stamp is no number or a token is unknown."""
    try:
        moment = datetime.fromtimestamp(int(stamp), UTC).astimezone(ZoneInfo(tz))
    except (ValueError, OverflowError, OSError):
        return fallback
    words = _words(moment)
    if any(name not in words for name in _TOKEN.findall(pattern)):
        return fallback
    return _TOKEN.sub(lambda match: words[match.group(1)], pattern)


def _words(moment: datetime) -> dict[str, str]:
    day = str(moment.day)
    short = f"{moment:%b} {day}, {moment.year}"
    long = f"{moment:%A}, {moment:%B} {day}, {moment.year}"
    full = f"{moment:%B} {day}, {moment.year}"
    near = _near(moment)
    return {
        "date_num": f"{moment:%Y-%m-%d}",
        "date": full,
        "date_short": short,
        "date_long": long,
        "date_pretty": near or full,
        "date_short_pretty": near or short,
        "date_long_pretty": near or long,
        "time": f"{moment:%H:%M}",
        "time_secs": f"{moment:%H:%M:%S}",
        "ago": _ago(moment),
    }


def _near(moment: datetime) -> str | None:
    today = datetime.fromtimestamp(time.time(), moment.tzinfo).date()
    return {-1: "yesterday", 0: "today", 1: "tomorrow"}.get((moment.date() - today).days)


def _ago(moment: datetime) -> str:
    seconds = time.time() - moment.timestamp()
    amount = abs(seconds)
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if amount >= size:
            count = int(amount // size)
            words = f"{count} {unit}{'s' if count > 1 else ''}"
            return f"{words} ago" if seconds > 0 else f"in {words}"
    return "just now"
