"""What the use cases need of Slack outside of an answer to a gesture: people, and messages that stay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from domain.adoption import Sweep
from domain.cluster import Cluster
from domain.costs import Costs
from domain.digests import Digest, Week
from domain.doctor import Finding
from domain.rules import Actor, Rules
from domain.watch import Delivered


class People(Protocol):
    """The people of the workspace."""

    def look_up(self, user_id: str) -> Actor:
        """The person with their flags (guest, bot, deactivated, stranger, foreign), locale, time zone, and those user
        groups that the rules name. Raises Missing for an unknown id."""

    def members(self, group_id: str) -> frozenset[str]:
        """The user ids of a user group (S…)."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message ready for Slack; `digest` changes exactly when what people would see changes."""

    digest: str
    text: str
    blocks: tuple[Mapping[str, object], ...]


class Board(Protocol):
    """The card in Slack, and the messages beside it."""

    def render(self, cluster: Cluster, now: float) -> Rendered: ...
    def render_notice(self, cluster: Cluster, kind: str, people: tuple[str, ...], now: float) -> Rendered:
        """A message beside the card; `kind` is one of domain.notices, `people` are the user ids it calls."""

    def post(self, channel: str, message: Rendered) -> tuple[str, str]:
        """Answers (channel id, ts). Raises Missing when the channel is gone or closed to us."""

    def update(self, channel: str, ts: str, message: Rendered) -> None:
        """Raises Missing when the message is gone; Throttled with Slack's Retry-After."""

    def direct(self, user: str, message: Rendered) -> tuple[str, str]:
        """Posts into the direct messages of a person."""

    def reply(self, channel: str, ts: str, message: Rendered) -> str:
        """Posts into the thread of a message; answers the new ts. Raises as `post` does."""


class Reminders(Protocol):
    """What is said about idleness and the end of clusters, as messages ready for Slack."""

    def idle(self, cluster: Cluster, rules: Rules, now: float) -> Rendered:
        """The one message about an idle cluster, edited in place: money, evidence, what comes next, buttons."""

    def nudge(self, cluster: Cluster, sent: Delivered, now: float) -> Rendered:
        """The short reply in its thread that calls `sent.reached`: that message calls nobody when it is edited."""

    def daily(self, digest: Digest, now: float) -> Rendered:
        """What an owner hears once a day."""

    def weekly(self, week: Week, now: float) -> Rendered:
        """What the channel hears once a week."""


class Pictures(Protocol):
    """Images for people."""

    def send(self, user: str, picture: bytes, title: str, alt: str) -> None:
        """A PNG into the direct messages of a person, with `alt` for those who do not see it."""


class Charts(Protocol):
    """Drawings."""

    def costs(self, found: Costs, locale: str) -> tuple[bytes, str, str]:
        """(PNG, title, alt text) of what was spent by day and by cluster."""


class Replies(Protocol):
    """Late answers to a gesture: a response_url is good for 30 minutes and 5 messages. Written in the language of the
    `locale`; nobody but the asker sees them."""

    def sentence(self, response_url: str, locale: str, text: str) -> None: ...
    def findings(self, response_url: str, locale: str, findings: tuple[Finding, ...]) -> None: ...
    def orphans(self, response_url: str, locale: str, sweep: Sweep) -> None: ...


class Workspace(Protocol):
    """The app itself as Slack sees it."""

    def scopes(self) -> frozenset[str]:
        """The scopes of the bot token (header x-oauth-scopes of auth.test). Raises Denied for a token that is no good."""
