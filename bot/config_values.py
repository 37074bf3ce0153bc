"""The single values of the configuration file: what each may be, and the sentence for what it is not."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from blocks.tongue import LANGUAGES
from domain.errors import Refused
from domain.request import TEAM, duration
from domain.rules import ADMINS, APPROVERS, DELETE, OFF, PARK

USER = re.compile(r"[UW][A-Z0-9]{2,30}")
USER_GROUP = re.compile(r"S[A-Z0-9]{2,30}")
CHANNEL = re.compile(r"[CG][A-Z0-9]{2,30}")
GROUP = re.compile(r"[a-z][a-z0-9_-]{0,39}")
# EKS takes roles and users as principals of access entries, no STS sessions and no root (CreateAccessEntry).
PRINCIPAL = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:(role|user)/[\w+=,.@/-]{1,512}")
CHART = re.compile(r"(oci://|https://|/)?[A-Za-z0-9][\w./:@%+-]*")  # no word that helm could take for an option
VERSION = re.compile(r"v?\d+\.\d+\.\d+[0-9A-Za-z.+-]*")
REPOSITORY = re.compile(r"https://[^\s@]+")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
# A metrics store: outside, or a service inside the cluster by namespace, name and port.
PROMETHEUS = re.compile(
    r"https?://[^\s/?#@]+(/[^\s?#]*)?|[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?/[a-z]([a-z0-9-]{0,61}[a-z0-9])?:\d{1,5}"
)
RESERVED = (APPROVERS, ADMINS)


def _fits(pattern: re.Pattern[str], words: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError(f"“{text}” is not {words}")
        return text

    return check


def _span(text: str) -> str:
    try:
        duration(text)
    except Refused as refused:
        raise ValueError(refused.message.rstrip(".")) from None
    return text


def _group_name(name: str) -> str:
    if name in RESERVED:
        raise ValueError(f"“{name}” is a group of its own: name its members at the top of the file")
    return _fits(GROUP, "a group name (lower-case letters, digits, - and _)")(name)


def _team_name(name: str) -> str:
    if len(name) > 40 or not name.strip() or " ".join(name.split()) != name or not TEAM.fullmatch(name):
        raise ValueError(f"“{name}” is not a team name (1 to 40 letters, digits, spaces and + - = . _ : / @)")
    return name


def _member(one: str) -> str:
    if not USER.fullmatch(one) and not USER_GROUP.fullmatch(one):
        raise ValueError(f"“{one}” is neither a Slack user id (U012AB3CD) nor a user-group id (S012AB3CD)")
    return one


def _how_far(word: object) -> object:
    """YAML reads a bare `off` as false."""
    word = OFF if word is False else word
    if word not in (OFF, PARK, DELETE):
        raise ValueError("it is one of off, park and delete")
    return word


def two_hours(hours: tuple[int, ...]) -> tuple[int, ...]:
    if len(hours) != 2:
        raise ValueError("it takes two hours, such as [8, 20]")
    return hours


def known_language(word: str) -> str:
    if word not in LANGUAGES:
        raise ValueError(f"“{word}” is no language of raygpu; it has {', '.join(LANGUAGES)}")
    return word


Span = Annotated[str, AfterValidator(_span)]
UserId = Annotated[str, AfterValidator(_fits(USER, "a Slack user id, such as U012AB3CD"))]
Member = Annotated[str, AfterValidator(_member)]
Channel = Annotated[str, AfterValidator(_fits(CHANNEL, "a Slack channel id, such as C012AB3CD"))]
GroupName = Annotated[str, AfterValidator(_group_name)]
TeamName = Annotated[str, AfterValidator(_team_name)]
Principal = Annotated[str, AfterValidator(_fits(PRINCIPAL, "the ARN of an IAM role or user"))]
# YAML's yes and no are no numbers, and .inf is no budget.
Count = Annotated[int, Field(strict=True, ge=0, le=100_000)]
Usd = Annotated[float, Field(strict=True, ge=0, le=1_000_000_000, allow_inf_nan=False)]
HowFar = Annotated[str, BeforeValidator(_how_far)]
Store = Annotated[str, AfterValidator(_fits(PROMETHEUS, "http(s)://… or namespace/service:port"))]
Hour = Annotated[int, Field(strict=True, ge=0, le=24)]
Members = Annotated[frozenset[Member], Field(min_length=1)]
Chart = Annotated[str, AfterValidator(_fits(CHART, "the name, the oci:// or https:// address or the path of a chart"))]
Version = Annotated[str, AfterValidator(_fits(VERSION, "a version, such as 1.5.1"))]
Repository = Annotated[str, AfterValidator(_fits(REPOSITORY, "an https:// address"))]
Digest = Annotated[str, AfterValidator(_fits(DIGEST, "sha256: and 64 hexadecimal digits"))]
