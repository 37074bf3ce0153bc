"""From what somebody typed or filled in to a spec: every field is checked here, whichever way it came."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from domain.capacity import InstanceType
from domain.errors import Refused
from domain.policy import Actor, Rules
from domain.spec import GPU_AMIS, SPOT, ClusterSpec, cpu_group, gpu_group

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


def to_spec(options: CreateOptions, actor: Actor, rules: Rules, known: Mapping[str, InstanceType]) -> ClusterSpec:
    """The spec these options mean; raises Refused, whose `field` names the option at fault."""
    types = _gpu_types(options.gpu, rules, known)
    nodes = _count("gpus", options.gpus, 1, rules.max_nodes)
    group = gpu_group(types, known[types[0]].gpus, nodes)
    ceiling = _count("max", options.max, nodes, rules.max_nodes)
    if ceiling < nodes:
        raise Refused("BadNumber", f"--max {ceiling} is less than --gpus {nodes}.", "max")
    group = replace(group, max_size=ceiling, ami_type=_ami(options.ami))
    if options.spot:
        group = replace(group, capacity_type=SPOT)
    return ClusterSpec(
        name=checked_name(options.name),
        region=_region(options.region, rules),
        groups=(cpu_group(), group),
        ttl_s=_ttl(options.ttl, rules),
        owner=actor.id,
        team=_team(options.team),
        reason=_line("reason", options.reason, 300),
        smoke=options.smoke,
        access=rules.principals.get(actor.id, ()),
    )


def checked_name(name: str) -> str:
    """The name if it may be one; raises Refused."""
    if not NAME.fullmatch(name):
        raise Refused(
            "BadName",
            "A name is 1 to 30 characters: lower-case letters, digits and dashes, and starts with a letter.",
            "name",
        )
    return name


def duration(text: str, field: str = "ttl") -> int:
    """Seconds of a text like 8h, 90m, 2d or 1d12h; raises Refused."""
    found = DURATION.fullmatch(text.strip().lower())
    if not found or not any(found.groups()):
        raise Refused("BadDuration", f"“{text}” is not a time span. Write 8h, 90m, 2d or 1d12h.", field)
    days, hours, minutes = (int(part or 0) for part in found.groups())
    return days * 86400 + hours * 3600 + minutes * 60


def _ttl(text: str, rules: Rules) -> int:
    seconds = duration(text) if text else rules.default_ttl_s
    if not MIN_TTL_S <= seconds <= rules.max_ttl_s:
        longest = f"{rules.max_ttl_s // 3600}h"
        raise Refused("BadDuration", f"The lifetime must lie between 30m and {longest}.", "ttl")
    return seconds


def _gpu_types(text: str, rules: Rules, known: Mapping[str, InstanceType]) -> tuple[str, ...]:
    default = "g5.xlarge" if "g5.xlarge" in rules.gpu_types else rules.gpu_types[0]
    names = tuple(dict.fromkeys(part.strip().lower() for part in (text or default).split(",") if part.strip()))
    if not names:
        raise Refused("BadType", "Name a GPU instance type, for example g5.xlarge.", "gpu")
    for name in names:
        if name not in rules.gpu_types:
            close = difflib.get_close_matches(name, rules.gpu_types, n=1)
            hint = f" Did you mean {close[0]}?" if close else f" Allowed: {', '.join(rules.gpu_types)}."
            raise Refused("BadType", f"“{name}” is not an instance type that may be used here.{hint}", "gpu")
        if name not in known or known[name].gpus < 1:
            raise Refused("BadType", f"{name} has no whole NVIDIA GPU that Kubernetes can hand out.", "gpu")
    if len({known[name].gpus for name in names}) > 1:
        raise Refused("BadType", "The GPU types of one group must have the same number of GPUs.", "gpu")
    return names


def _ami(text: str) -> str:
    try:
        return GPU_AMIS[text.strip().lower() or "bottlerocket"]
    except KeyError:
        raise Refused("BadAmi", f"“{text}” is not an AMI family. Use {' or '.join(GPU_AMIS)}.", "ami") from None


def _count(field: str, text: str, default: int, most: int) -> int:
    typed = text.strip()
    if not typed:
        return default
    # \d would let digits of other scripts pass that AWS does not know; the length bounds what int() has to read.
    if not COUNT.fullmatch(typed) or not 1 <= int(typed) <= most:
        shown = typed if len(typed) <= SHOWN else f"{typed[:SHOWN]}…"
        raise Refused("BadNumber", f"--{field} must be a whole number from 1 to {most}, not “{shown}”.", field)
    return int(typed)


def _region(text: str, rules: Rules) -> str:
    region = text.strip().lower() or rules.regions[0]
    if region not in rules.regions:
        raise Refused("BadRegion", f"“{region}” is not open here. Regions: {', '.join(rules.regions)}.", "region")
    return region


def _team(text: str) -> str:
    team = _line("team", text, 40)
    if not TEAM.fullmatch(team):
        raise Refused("BadTeam", "--team may hold letters, digits, spaces and + - = . _ : / @ only.", "team")
    return team


def _line(field: str, text: str, most: int) -> str:
    if len(text) > most:
        raise Refused("TooLong", f"--{field} may have at most {most} characters.", field)
    return " ".join(text.split())
