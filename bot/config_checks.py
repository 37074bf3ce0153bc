"""What the parts of a configuration say about one another: names nobody defined, rules never reached, bounds that clash."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise

from bot.config_lines import Place
from bot.config_schema import Approve, Config, IdleRule
from bot.config_values import USER, USER_GROUP
from domain.request import MIN_TTL_S, duration
from domain.rules import ADMINS, APPROVERS, EVERYONE, IdlePolicy

Fault = tuple[Place, str]

# A look every five minutes needs some of them; and nobody reads a warning in less than half an hour.
_LEAST_S = {"window": 15 * 60, "dear_window": 15 * 60, "grace": 30 * 60, "delete_after": 3600}


def suggestion(word: str, known: Collection[str]) -> str:
    """`; did you mean "x"?`, or what there is."""
    close = difflib.get_close_matches(word, sorted(known), n=1)
    if close:
        return f"; did you mean “{close[0]}”"
    return f"; there is {', '.join(sorted(known))}" if known else ""


def _members(config: Config, group: str) -> frozenset[str]:
    named = {APPROVERS: config.approvers, ADMINS: config.admins}
    return named[group] if group in named else config.groups.get(group, frozenset())


def _names(config: Config) -> set[str]:
    return {APPROVERS, ADMINS, *config.groups}


def _who(config: Config) -> Iterator[Fault]:
    for number, rule in enumerate(config.create):
        for one in sorted(rule.who - _names(config) - {EVERYONE}):
            if not USER.fullmatch(one) and not USER_GROUP.fullmatch(one):
                words = f"“{one}” is neither “*”, nor an id (U…, S…), nor a group{suggestion(one, _names(config))}"
                yield ("create", str(number), "who"), words


def _deciders(config: Config) -> Iterator[Fault]:
    for number, rule in enumerate(config.approval):
        place = ("approval", str(number))
        if not rule.model_fields_set:
            yield place, "an empty rule says nothing; write how many `approvals` of which `group` it asks for"
        elif rule.group not in _names(config):
            yield (*place, "group"), f"there is no group “{rule.group}”{suggestion(rule.group, _names(config))}"


def _enough(config: Config) -> Iterator[Fault]:
    for number, rule in enumerate(config.approval):
        few = _too_few(_members(config, rule.group), rule.approvals)
        if few and rule.group in _names(config) and rule.model_fields_set:
            words = f"the rule asks for {rule.approvals} of “{rule.group}”, which has {few}"
            yield ("approval", str(number), "group"), words


def _too_few(members: frozenset[str], wanted: int) -> str:
    if any(USER_GROUP.fullmatch(one) for one in members) or len(members) >= wanted:
        return ""
    return f"only {len(members)}" if members else "nobody in it"


def _reached(config: Config) -> Iterator[Fault]:
    for number, rule in enumerate(config.approval):
        for earlier, above in enumerate(config.approval[:number]):
            if _covers(above, rule):
                words = f"this rule is never reached: approval[{earlier}] fits everything that it fits"
                yield ("approval", str(number)), words
                break


def _covers(above: Approve, below: Approve) -> bool:
    types = above.gpu_types is None or (below.gpu_types is not None and below.gpu_types <= above.gpu_types)
    most, least = above.up_to_usd_per_hour, below.up_to_usd_per_hour
    return types and (most is None or (least is not None and least <= most))


def _types_of_create(config: Config) -> Iterator[Fault]:
    for number, rule in enumerate(config.create):
        yield from _known(("create", str(number), "gpu_types"), rule.gpu_types, "gpu_types", config.gpu_types)


def _types_of_approval(config: Config) -> Iterator[Fault]:
    for number, rule in enumerate(config.approval):
        yield from _known(("approval", str(number), "gpu_types"), rule.gpu_types, "gpu_types", config.gpu_types)


def _regions_of_create(config: Config) -> Iterator[Fault]:
    for number, rule in enumerate(config.create):
        yield from _known(("create", str(number), "regions"), rule.regions, "regions", config.regions)


def _regions_of_foundations(config: Config) -> Iterator[Fault]:
    for region in config.foundations:
        yield from _known(("foundations", region), {region}, "regions", config.regions)


def _teams_of_quotas(config: Config) -> Iterator[Fault]:
    for team in config.quotas.teams if config.teams else ():
        yield from _known(("quotas", "teams", team), {team}, "teams", tuple(config.teams))


def _teams_of_budgets(config: Config) -> Iterator[Fault]:
    for team in config.budgets.teams if config.teams else ():
        yield from _known(("budgets", "teams", team), {team}, "teams", tuple(config.teams))


def _known(place: Place, wanted: Collection[str] | None, what: str, known: tuple[str, ...]) -> Iterator[Fault]:
    for one in sorted(set(wanted or ()) - set(known)):
        yield place, f"“{one}” is not among `{what}`{suggestion(one, known)}"


def _second_tier(config: Config) -> Iterator[Fault]:
    held = config.budgets
    if held.second_tier not in _names(config):
        words = f"there is no group “{held.second_tier}”{suggestion(held.second_tier, _names(config))}"
        yield ("budgets", "second_tier"), words
    elif (held.user is not None or held.team is not None or held.users or held.teams) and not _members(
        config, held.second_tier
    ):
        words = f"above a budget one of “{held.second_tier}” must approve, which has nobody in it"
        yield ("budgets", "second_tier"), words


def _spans(config: Config) -> Iterator[Fault]:
    held = config.limits
    if duration(held.default_ttl) < MIN_TTL_S:
        yield ("limits", "default_ttl"), f"{held.default_ttl} is shorter than the shortest lifetime, 30m"
    if duration(held.default_ttl) > duration(held.max_ttl):
        yield ("limits", "default_ttl"), f"{held.default_ttl} is longer than `max_ttl`, {held.max_ttl}"
    if duration(held.max_ttl) > duration(held.longest_life):
        yield ("limits", "max_ttl"), f"{held.max_ttl} is longer than `longest_life`, {held.longest_life}"


def _bounds(config: Config) -> Iterator[Fault]:
    held = config.limits
    for number, rule in enumerate(config.create):
        if rule.max_ttl is not None and duration(rule.max_ttl) > duration(held.max_ttl):
            yield ("create", str(number), "max_ttl"), f"{rule.max_ttl} is longer than `limits.max_ttl`, {held.max_ttl}"
        if rule.max_nodes is not None and rule.max_nodes > held.max_nodes:
            words = f"{rule.max_nodes} is more than `limits.max_nodes`, {held.max_nodes}"
            yield ("create", str(number), "max_nodes"), words


def _teams_of_idle(config: Config) -> Iterator[Fault]:
    for team in config.idle.teams if config.teams else ():
        yield from _known(("idle", "teams", team), {team}, "teams", tuple(config.teams))


def _idling(config: Config) -> Iterator[Fault]:
    usual = config.idle.policy()
    yield from _of_policy(("idle",), usual, config.idle)
    for team, rule in config.idle.teams.items():
        yield from _of_policy(("idle", "teams", team), rule.policy(usual), rule)


def _of_policy(place: Place, policy: IdlePolicy, rule: IdleRule) -> Iterator[Fault]:
    """What does not go together in one policy, told at a field that is written there."""
    least = ((policy.window_s, "window"), (policy.dear_window_s, "dear_window"), (policy.grace_s, "grace"))
    for seconds, name in least:
        if seconds < _LEAST_S[name] and getattr(rule, name) is not None:
            yield (*place, name), f"{getattr(rule, name)} is shorter than the shortest {name}, {_LEAST_S[name] // 60}m"
    if policy.delete_after_s < _LEAST_S["delete_after"] and rule.delete_after is not None:
        yield (*place, "delete_after"), f"{rule.delete_after} is shorter than the shortest, 1h"
    if rule.dear_window is not None and policy.dear_window_s > policy.window_s:
        yield (*place, "dear_window"), f"{rule.dear_window} is longer than `window`"
    if rule.latest is not None and policy.latest_s < policy.window_s:
        yield (*place, "latest"), f"{rule.latest} is shorter than `window`"
    if any(more <= less for less, more in pairwise(policy.steps_usd)):
        yield (*place, "steps_usd"), "the sums must rise"
    if policy.day_from >= policy.day_to:
        yield (*place, "day"), f"the day must end after it begins, not from {policy.day_from} to {policy.day_to}"


@dataclass(frozen=True, slots=True)
class _Check:
    """A check and the sections it reads: where one of them is at fault itself, it would only repeat that."""

    look: Callable[[Config], Iterator[Fault]]
    sections: frozenset[str]


_CHECKS = (
    _Check(_who, frozenset({"create", "groups"})),
    _Check(_deciders, frozenset({"approval", "groups"})),
    _Check(_enough, frozenset({"approval", "groups", "approvers", "admins"})),
    _Check(_reached, frozenset({"approval"})),
    _Check(_types_of_create, frozenset({"create", "gpu_types"})),
    _Check(_types_of_approval, frozenset({"approval", "gpu_types"})),
    _Check(_regions_of_create, frozenset({"create", "regions"})),
    _Check(_regions_of_foundations, frozenset({"foundations", "regions"})),
    _Check(_teams_of_quotas, frozenset({"teams", "quotas"})),
    _Check(_teams_of_budgets, frozenset({"teams", "budgets"})),
    _Check(_teams_of_idle, frozenset({"teams", "idle"})),
    _Check(_idling, frozenset({"idle"})),
    _Check(_second_tier, frozenset({"budgets", "groups", "approvers", "admins"})),
    _Check(_spans, frozenset({"limits"})),
    _Check(_bounds, frozenset({"create", "limits"})),
)


def faults(config: Config, wrong: Collection[str] = ()) -> Iterator[Fault]:
    """Every fault between the parts; `wrong` are sections that were left out because they are at fault themselves."""
    for check in _CHECKS:
        if not check.sections & set(wrong):
            yield from check.look(config)
