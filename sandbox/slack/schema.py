"""Small parts to say what JSON Slack accepts: each check notes problems with the JSON pointer of the place."""

from collections.abc import Callable, Mapping
from typing import Any

Problems = list[tuple[str, str]]
"""(message, JSON pointer) in the order found."""

Check = Callable[[Any, str, Problems], None]


def string(most: int | None = None, least: int = 1) -> Check:
    """A string of `least` to `most` characters."""

    def check(value: Any, at: str, problems: Problems) -> None:
        if not isinstance(value, str):
            problems.append(("must be a string", at))
        elif len(value) < least:
            problems.append((f"must be more than {least - 1} characters", at))
        elif most is not None and len(value) > most:
            problems.append((f"must be less than {most + 1} characters", at))

    return check


def one_of(*allowed: str) -> Check:
    """One of the given words."""

    def check(value: Any, at: str, problems: Problems) -> None:
        if value not in allowed:
            problems.append((f"must be a valid enum value: {', '.join(allowed)}", at))

    return check


def boolean(value: Any, at: str, problems: Problems) -> None:
    """true or false."""
    if not isinstance(value, bool):
        problems.append(("must be a boolean", at))


def integer(least: int | None = None, most: int | None = None) -> Check:
    """A whole number within bounds."""

    def check(value: Any, at: str, problems: Problems) -> None:
        if not isinstance(value, int) or isinstance(value, bool):
            problems.append(("must be an integer", at))
        elif (least is not None and value < least) or (most is not None and value > most):
            problems.append((f"must be between {least} and {most}", at))

    return check


def anything(value: Any, at: str, problems: Problems) -> None:
    """Accepts every value: for fields whose content the sandbox does not look into."""


def items(each: Check, *, most: int, least: int = 1) -> Check:
    """A list of `least` to `most` items that each pass."""

    def check(value: Any, at: str, problems: Problems) -> None:
        if not isinstance(value, list):
            problems.append(("must be an array", at))
            return
        if len(value) > most:
            problems.append((f"no more than {most} items allowed", at))
        if len(value) < least:
            problems.append((f"no fewer than {least} items allowed", at))
        for number, item in enumerate(value):
            each(item, f"{at}/{number}", problems)

    return check


def record(required: Mapping[str, Check], optional: Mapping[str, Check] | None = None) -> Check:
    """An object with these fields and no others."""
    known = {**required, **(optional or {})}

    def check(value: Any, at: str, problems: Problems) -> None:
        if not isinstance(value, dict):
            problems.append(("must be an object", at))
            return
        problems.extend((f"missing required field: {name}", at) for name in required if value.get(name) is None)
        for name, field in value.items():
            if name not in known:
                problems.append((f"invalid additional property: {name}", at))
            elif field is not None:
                known[name](field, f"{at}/{name}", problems)

    return check


def by_type(kinds: Mapping[str, Check]) -> Check:
    """An object whose `type` picks the check."""

    def check(value: Any, at: str, problems: Problems) -> None:
        if not isinstance(value, dict):
            problems.append(("must be an object", at))
            return
        kind = value.get("type")
        if kind is None:
            problems.append(("missing required field: type", at))
        elif kind not in kinds:
            problems.append((f"unsupported type: {kind}", f"{at}/type"))
        else:
            kinds[kind](value, at, problems)

    return check


def both(*checks: Check) -> Check:
    """All checks, one after the other."""

    def check(value: Any, at: str, problems: Problems) -> None:
        for one in checks:
            one(value, at, problems)

    return check
