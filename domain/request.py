"""From what somebody typed or filled in to a spec: every field is checked here, whichever way it came."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from domain.capacity import InstanceType
from domain.errors import Refused
from domain.policy import teams_of
from domain.rules import DELETE, OFF, PARK, Actor, Rules
from domain.spec import GPU_AMIS, SPOT, ClusterSpec, cpu_group, gpu_group
from domain.words import say

# EKS allows 100 characters; the cluster's name carries a prefix and a suffix, and must also serve as a label value (63).
NAME = re.compile(r"[a-z][a-z0-9-]{0,29}")
DURATION = re.compile(r"(?:(\d{1,4})d)?(?:(\d{1,5})h)?(?:(\d{1,6})m)?")
COUNT = re.compile(r"[0-9]{1,6}")
# The team becomes an AWS tag value, which takes letters, digits and spaces of any script and these marks.
TEAM = re.compile(r"[\w +\-=.:/@]*")
MIN_TTL_S = 1800
SHOWN = 40  # of what was mistyped, so much is repeated


@dataclass(frozen=True, slots=True)
class CreateOptions:
    """The fields of a create, as text where people type text. Empty means "the default". `gpus`: GPU nodes wanted."""

    name: str = ""
    gpu: str = ""
    gpus: str = ""
    max: str = ""
    ttl: str = ""
    region: str = ""
    team: str = ""
    reason: str = ""
    ami: str = ""
    spot: bool = False
    smoke: bool = True
    automatic: str = ""


def to_spec(options: CreateOptions, actor: Actor, rules: Rules, known: Mapping[str, InstanceType]) -> ClusterSpec:
    """The spec these options mean; raises Refused, whose `field` names the option at fault."""
    types = _gpu_types(options.gpu, rules, known)
    nodes = _count("gpus", options.gpus, 1, rules.max_nodes)
    group = gpu_group(types, known[types[0]].gpus, nodes)
    ceiling = _count("max", options.max, nodes, rules.max_nodes)
    if ceiling < nodes:
        raise Refused("BadNumber", say("--max {max} is less than --gpus {gpus}.", max=ceiling, gpus=nodes), "max")
    group = replace(group, max_size=ceiling, ami_type=_ami(options.ami))
    if options.spot:
        group = replace(group, capacity_type=SPOT)
    return ClusterSpec(
        name=checked_name(options.name),
        region=_region(options.region, rules),
        groups=(cpu_group(), group),
        ttl_s=_ttl(options.ttl, rules),
        owner=actor.id,
        team=_team(options.team, actor, rules),
        reason=_line("reason", options.reason, 300),
        smoke=options.smoke,
        access=rules.principals.get(actor.id, ()),
        automatic=_automatic(options.automatic),
    )


def checked_name(name: str) -> str:
    """The name if it may be one; raises Refused."""
    if not NAME.fullmatch(name):
        raise Refused(
            "BadName",
            say("A name is 1 to 30 characters: lower-case letters, digits and dashes, and starts with a letter."),
            "name",
        )
    return name


def duration(text: str, field: str = "ttl") -> int:
    """Seconds of a text like 8h, 90m, 2d or 1d12h; raises Refused."""
    found = DURATION.fullmatch(text.strip().lower())
    if not found or not any(found.groups()):
        wrong = say("“{text}” is not a time span. Write 8h, 90m, 2d or 1d12h.", text=_shown(text))
        raise Refused("BadDuration", wrong, field)
    days, hours, minutes = (int(part or 0) for part in found.groups())
    return days * 86400 + hours * 3600 + minutes * 60


def _ttl(text: str, rules: Rules) -> int:
    seconds = duration(text) if text else rules.default_ttl_s
    if not MIN_TTL_S <= seconds <= rules.max_ttl_s:
        longest = f"{rules.max_ttl_s / 3600:g}h"
        raise Refused("BadDuration", say("The lifetime must lie between 30m and {longest}.", longest=longest), "ttl")
    return seconds


def _gpu_types(text: str, rules: Rules, known: Mapping[str, InstanceType]) -> tuple[str, ...]:
    default = "g5.xlarge" if "g5.xlarge" in rules.gpu_types else rules.gpu_types[0]
    names = tuple(dict.fromkeys(part.strip().lower() for part in (text or default).split(",") if part.strip()))
    if not names:
        raise Refused("BadType", say("Name a GPU instance type, for example g5.xlarge."), "gpu")
    for name in names:
        if name not in rules.gpu_types:
            raise Refused("BadType", _unknown_type(name, rules), "gpu")
        if name not in known or known[name].gpus < 1:
            text = say("{type} has no whole NVIDIA GPU that Kubernetes can hand out.", type=name)
            raise Refused("BadType", text, "gpu")
    if len({known[name].gpus for name in names}) > 1:
        raise Refused("BadType", say("The GPU types of one group must have the same number of GPUs."), "gpu")
    return names


def _unknown_type(name: str, rules: Rules) -> str:
    close = difflib.get_close_matches(name, rules.gpu_types, n=1)
    if close:
        return say(
            "“{name}” is not an instance type that may be used here. Did you mean {close}?",
            name=_shown(name),
            close=close[0],
        )
    allowed = ", ".join(rules.gpu_types)
    return say(
        "“{name}” is not an instance type that may be used here. Allowed: {allowed}.",
        name=_shown(name),
        allowed=allowed,
    )


def _ami(text: str) -> str:
    try:
        return GPU_AMIS[text.strip().lower() or "bottlerocket"]
    except KeyError:
        families = ", ".join(GPU_AMIS)
        wrong = say("“{text}” is not an AMI family. There are: {families}.", text=_shown(text), families=families)
        raise Refused("BadAmi", wrong, "ami") from None


def _automatic(text: str) -> str:
    chosen = text.strip().lower()
    if chosen in ("", OFF, PARK, DELETE):
        return chosen
    wrong = say(
        "“{text}” is not how far raygpu may go when the cluster idles. Choose off, park or delete.", text=_shown(text)
    )
    raise Refused("BadAutomatic", wrong, "auto")


def _count(field: str, text: str, default: int, most: int) -> int:
    typed = text.strip()
    if not typed:
        return default
    # \d would let digits of other scripts pass that AWS does not know; the length bounds what int() has to read.
    if not COUNT.fullmatch(typed) or not 1 <= int(typed) <= most:
        wrong = say(
            "--{option} must be a whole number from 1 to {most}, not “{typed}”.",
            option=field,
            most=most,
            typed=_shown(typed),
        )
        raise Refused("BadNumber", wrong, field)
    return int(typed)


def _region(text: str, rules: Rules) -> str:
    region = text.strip().lower() or rules.regions[0]
    if region not in rules.regions:
        regions = ", ".join(rules.regions)
        wrong = say("“{region}” is not open here. Regions: {regions}.", region=_shown(region), regions=regions)
        raise Refused("BadRegion", wrong, "region")
    return region


def _team(text: str, actor: Actor, rules: Rules) -> str:
    """The team asked for; where the configuration knows teams, one of the person's own, in the configuration's spelling.

    Without a word: the only team a person is in. Administrators may name any team, and need to name none.
    """
    team = _line("team", text, 40)
    if not TEAM.fullmatch(team):
        wrong = say("--team may hold letters, digits, spaces and + - = . _ : / @ only.")
        raise Refused("BadTeam", wrong, "team")
    if not rules.teams:
        return team
    mine = teams_of(actor, rules)
    meant = next((one for one in mine if one.casefold() == team.casefold()), None)
    if meant is not None or rules.is_admin(actor):
        return meant or team
    if not mine:
        wrong = say("You are in no team of the configuration; ask an administrator to add you.")
        raise Refused("NoTeam", wrong, "team")
    names = ", ".join(mine)
    if team:
        wrong = say("You may not ask in the name of “{team}”. Your teams: {teams}.", team=team, teams=names)
        raise Refused("NotYourTeam", wrong, "team")
    if len(mine) > 1:
        raise Refused(
            "ChooseTeam", say("You are in several teams; name one with --team: {teams}.", teams=names), "team"
        )
    return mine[0]


def _line(field: str, text: str, most: int) -> str:
    if len(text) > most:
        wrong = say("--{option} may have at most {most} characters.", option=field, most=most)
        raise Refused("TooLong", wrong, field)
    return " ".join(text.split())


def _shown(typed: str) -> str:
    """So much of what was mistyped as is worth repeating."""
    return typed if len(typed) <= SHOWN else f"{typed[:SHOWN]}…"
