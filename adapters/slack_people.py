"""The people of the workspace with their flags and user groups, and the app itself as Slack sees it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from slack_sdk.web import WebClient

from adapters.slack_wire import translated, word
from domain.errors import Missing, Unavailable
from domain.rules import Actor
from domain.words import say

logger = logging.getLogger("raygpu.slack")
# A gesture has 3 s for everything: one look-up (mostly from memory), one write to Redis, one answer.
LOOK_UP_TIMEOUT_S = 1.0
PEOPLE_TTL_S = 60.0
# usergroups.users.list is a Tier 2 method, 20 calls a minute for all processes together.
GROUPS_TTL_S = 300.0
HOME_TTL_S = 3600.0
MOST_PEOPLE = 5000
CALLERS = 8

Held = TypeVar("Held")
_HOME = "home"


@dataclass(frozen=True, slots=True)
class _Home:
    """The workspace the app is installed in, and the organisation it belongs to (Enterprise Grid), empty without one."""

    team: str
    enterprise: str
    whole_organisation: bool

    def is_of(self, user: Mapping[str, Any]) -> bool:
        """True for a member; `enterprise_user.teams` are the workspaces of somebody who is in several of an organisation."""
        organisation = user.get("enterprise_user") or {}
        if self.whole_organisation:
            return bool(self.enterprise) and organisation.get("enterprise_id") == self.enterprise
        return bool(self.team) and (user.get("team_id") == self.team or self.team in (organisation.get("teams") or ()))


class _Memory(Generic[Held]):
    """Answers by key for a while. Those who ask at once for the same share one call; a failure is not remembered."""

    def __init__(self, fetch: Callable[[str], Held], ttl_s: float, clock: Callable[[], float]) -> None:
        self._fetch = fetch
        self._ttl_s = ttl_s
        self._clock = clock
        self._asked: dict[str, tuple[float, Future[Held]]] = {}
        self._lock = threading.Lock()

    def ask(self, key: str, pool: ThreadPoolExecutor) -> Future[Held]:
        """The answer, there already or on its way."""
        now = self._clock()
        with self._lock:
            found = self._asked.get(key)
            if found is not None and now - found[0] < self._ttl_s and not _failed(found[1]):
                return found[1]
            if len(self._asked) >= MOST_PEOPLE:
                self._asked.clear()
            coming = pool.submit(self._fetch, key)
            self._asked[key] = (now, coming)
            return coming


class SlackPeople:
    """People by id, remembered for a minute: implements services.ports.People.

    `user_groups` are those (S…) that the rules name: who is in them is part of who a person is.
    """

    def __init__(
        self, client: WebClient, user_groups: frozenset[str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._user_groups = tuple(sorted(user_groups))
        self._users = _Memory(self._user, PEOPLE_TTL_S, clock)
        self._groups = _Memory(self._members, GROUPS_TTL_S, clock)
        self._homes = _Memory(self._home, HOME_TTL_S, clock)
        self._pool = ThreadPoolExecutor(CALLERS, thread_name_prefix="slack-people")

    def look_up(self, user_id: str) -> Actor:
        """users.info, and what else makes the person, all asked at once and within a second together.

        Raises Missing for an unknown id; Unavailable or Denied where any part of it could not be read, since a person
        half known could be taken for one who may.
        """
        deadline = time.monotonic() + LOOK_UP_TIMEOUT_S
        user = self._users.ask(user_id, self._pool)
        home = self._homes.ask(_HOME, self._pool)
        groups = {group: self._groups.ask(group, self._pool) for group in self._user_groups}
        described = _by(deadline, user)
        is_of_here = _by(deadline, home).is_of(described)
        own = frozenset(group for group, members in groups.items() if user_id in _by(deadline, members))
        return _actor(user_id, described, is_foreign=not is_of_here, groups=own)

    def members(self, group_id: str) -> frozenset[str]:
        """usergroups.users.list. A group that does not exist has nobody in it."""
        return _by(time.monotonic() + LOOK_UP_TIMEOUT_S, self._groups.ask(group_id, self._pool))

    def _user(self, user_id: str) -> Mapping[str, Any]:
        with translated("users.info"):
            return dict(self._client.users_info(user=user_id, include_locale=True)["user"])

    def _members(self, group_id: str) -> frozenset[str]:
        try:
            with translated("usergroups.users.list"):
                listed = self._client.usergroups_users_list(usergroup=group_id)["users"]
                return frozenset(word(user) for user in listed)
        except Missing:
            logger.warning("the configuration names the user group %s, which Slack does not have", group_id)
            return frozenset()

    def _home(self, _: str) -> _Home:
        with translated("auth.test"):
            told = self._client.auth_test()
            team, enterprise = word(told["team_id"]), told.get("enterprise_id")
            return _Home(team, str(enterprise or ""), bool(told.get("is_enterprise_install")))


class SlackWorkspace:
    """The app itself: implements services.ports.Workspace."""

    def __init__(self, client: WebClient) -> None:
        self._client = client

    def scopes(self) -> frozenset[str]:
        """The scopes of the bot token: the header x-oauth-scopes of every answer, here of auth.test."""
        with translated("auth.test"):
            headers = {name.lower(): held for name, held in self._client.auth_test().headers.items()}
            named = word(headers.get("x-oauth-scopes"))
            return frozenset(scope.strip() for scope in named.split(",") if scope.strip())


def _failed(answer: Future[Held]) -> bool:
    return answer.done() and answer.exception() is not None


def _by(deadline: float, answer: Future[Held]) -> Held:
    try:
        return answer.result(max(0.0, deadline - time.monotonic()))
    except TimeoutError as late:
        raise Unavailable("SlackUnreachable", say("Slack did not say in time who this is.")) from late


def _actor(user_id: str, user: Mapping[str, Any], *, is_foreign: bool, groups: frozenset[str]) -> Actor:
    profile = user.get("profile") or {}
    return Actor(
        id=user_id,
        name=str(profile.get("display_name") or user.get("real_name") or user.get("name") or ""),
        is_bot=bool(user.get("is_bot")) or user_id == "USLACKBOT",
        is_guest=bool(user.get("is_restricted") or user.get("is_ultra_restricted")),
        is_stranger=bool(user.get("is_stranger")),
        is_deactivated=bool(user.get("deleted")),
        is_foreign=is_foreign,
        groups=groups,
        locale=str(user.get("locale") or "en-US"),
        tz=str(user.get("tz") or "UTC"),
    )
