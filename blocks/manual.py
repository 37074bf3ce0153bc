"""The commands of `/raygpu` in one table: words, options, examples, aliases. The grammar reads by it, help shows it."""

from __future__ import annotations

from dataclasses import dataclass

from domain.naming import ACCESS_LEVELS
from domain.rules import DELETE, OFF, PARK
from domain.words import say


@dataclass(frozen=True, slots=True)
class Option:
    """`--name`; `takes` says what stands behind it (empty: it is a flag), with an ellipsis when that may be many words.
    `among`: the only values there are."""

    name: str
    takes: str
    means: str
    example: str = ""
    aliases: tuple[str, ...] = ()
    among: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """As it is typed."""
        return f"--{self.name} {self.takes.removesuffix('…')}".rstrip()


@dataclass(frozen=True, slots=True)
class Command:
    """`slots` are the words behind the name, in order: in brackets what may be left out, small letters for a filler word
    without meaning, an ellipsis where all further words belong to it."""

    name: str
    slots: str
    examples: tuple[str, ...]
    who: str
    does: str
    aliases: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()

    @property
    def usage(self) -> str:
        """As it is typed behind `/raygpu`."""
        few = " ".join(f"[{option.shown}]" for option in self.options)
        return " ".join(part for part in (self.name, self.slots, few if len(few) <= 80 else "[options]") if part)


REASON = Option("reason", "WORDS…", say("what it is for; the approver reads it"), "fine-tuning")
KEEP_REASON = Option("reason", "WORDS…", say("why, for those who see the bill"), "the demo is on Monday")
LEVEL = Option(
    "level", "|".join(ACCESS_LEVELS), say("how much they may do in Kubernetes (view)"), "edit", among=ACCESS_LEVELS
)
CREATE_OPTIONS = (
    Option(
        "gpu", "TYPE[,TYPE]", say("instance type of the GPU nodes; several are tried in order"), "g5.xlarge", ("type",)
    ),
    Option("gpus", "N", say("how many GPU nodes (1)"), "2", ("nodes",)),
    Option("max", "N", say("most GPU nodes, for scaling up"), "4"),
    Option("ttl", "SPAN", say("lifetime: 90m, 8h, 2d, 1d12h"), "8h", ("lifetime",)),
    Option("region", "R", say("AWS region"), "us-west-2"),
    Option("spot", "", say("Spot capacity: cheaper, AWS may take it away")),
    Option("ami", "bottlerocket|al2023", say("AMI family of the GPU nodes (bottlerocket)"), "al2023"),
    Option(
        "auto",
        "off|park|delete",
        say("how far raygpu may go by itself when it idles (as the rules have it)"),
        "park",
        ("automatic",),
        (OFF, PARK, DELETE),
    ),
    Option("no-smoke", "", say("do not prove the GPUs with a CUDA pod")),
    Option("team", "T", say("whose budget it is"), "vision"),
    REASON,
    Option("plan", "", say("show what would be built and its price, and do nothing")),
)
REVOKE = Option("revoke", "", say("end their access"))

ANYBODY = say("every member of the workspace")
CREATORS = say("whom the create rules allow")
OWNER = say("its owner, who asked for it, administrators")
EXTENDERS = say("its owner, who asked for it, administrators, approvers")
ADMINS = say("administrators")

# fmt: off
COMMANDS = (
    Command("create", "[NAME]", ("create demo", "create train --gpu g5.12xlarge --gpus 2 --ttl 8h --reason fine-tuning",
        "create demo --plan"), CREATORS, say("Asks for a GPU cluster; with nothing behind it, by a form. You see the price, "
        "an approver decides, and one card shows every step until the GPUs are proven."), ("new",), CREATE_OPTIONS),
    Command("list", "[mine|team|all]", ("list", "list all"), ANYBODY,
        say("Lists the live clusters and what they cost by the hour."), ("ls",)),
    Command("status", "NAME", ("status demo",), ANYBODY,
        say("Shows one cluster: steps, node groups, GPUs, price."), ("show",)),
    Command("verify", "NAME", ("verify demo",), OWNER, say("Proves its GPUs anew, node by node."), ("prove",)),
    Command("history", "NAME", ("history demo",), ANYBODY,
        say("Shows who did what to a cluster, when, and through what."), ("audit", "log")),
    Command("extend", "NAME [by] SPAN…", ("extend demo 4h", "extend demo 1d12h"), EXTENDERS,
        say("Lets a cluster live longer by so much, and says what that costs."), ("prolong",)),
    Command("keep", "NAME [until] WHEN…", ("keep demo until friday 18:00", "keep demo until tomorrow 9:00",
        "keep demo until 2026-11-25 09:00", "keep demo 4h"), OWNER, say("Keeps a cluster alive, and idle if need be, until "
        "that time in your time zone, and says what that costs."), (), (KEEP_REASON,)),
    Command("busy", "NAME", ("busy demo",), OWNER, say("Says that a cluster is not idle, whatever the probes say."),
        ("not-idle", "notidle")),
    Command("why", "NAME", ("why demo",), ANYBODY,
        say("Shows what every probe says of the use of a cluster, and since when."), ("evidence",)),
    Command("park", "NAME", ("park demo",), OWNER,
        say("Takes its GPU nodes down to none; control plane and sizes stay."), ("pause",)),
    Command("resume", "NAME", ("resume demo",), OWNER, say("Brings the GPU nodes of a parked cluster back."), ("unpark",)),
    Command("scale", "NAME [to] N", ("scale demo 2",), OWNER, say("Changes the number of GPU nodes."), ("resize",)),
    Command("delete", "NAME", ("delete demo",), OWNER,
        say("Takes a cluster away after asking once more, and ends with a receipt."), ("rm", "remove", "destroy")),
    Command("access", "NAME [@USER]", ("access demo", "access demo @bob --level edit", "access demo @bob --revoke"), OWNER,
        say("Lets you or somebody else into a cluster, with the command that reaches it; ends with the cluster."),
        ("grant", "share"), (LEVEL, REVOKE)),
    Command("transfer", "NAME [to] @USER", ("transfer demo @bob",), OWNER,
        say("Gives a cluster to another owner."), ("give",)),
    Command("manifest", "NAME", ("manifest demo",), ANYBODY,
        say("Writes a RayCluster that fits its nodes, for kubectl apply."), ("raycluster", "yaml")),
    Command("cost", "[NAME|me|team|all] [SPAN]", ("cost", "cost team 30d", "cost demo"), ANYBODY,
        say("Shows what was spent, spent idle, and saved, by cluster and day, at list prices; a chart of it comes by direct "
        "message."), ("costs", "spend", "bill")),
    Command("doctor", "", ("doctor",), ADMINS, say("Examines raygpu itself: scopes, Redis, AWS permissions, loops.")),
    Command("admin freeze", "REASON…", ("admin freeze audit of the account",), ADMINS,
        say("Pulls the emergency brake: nothing is built, resized or deleted until it is lifted.")),
    Command("admin unfreeze", "", ("admin unfreeze",), ADMINS, say("Lifts the emergency brake.")),
    Command("admin automatic", "off|on [REASON…]", ("admin automatic off the demo is on Monday", "admin automatic on"),
        ADMINS, say("Stops everything that raygpu does by itself about idleness and expiry, or lets it go on; people can do "
        "all of it as before.")),
    Command("admin orphans", "", ("admin orphans",), ADMINS, say("Looks for clusters in AWS that no record knows.")),
    Command("admin adopt", "ID", ("admin adopt raygpu-demo-k3x7a",), ADMINS,
        say("Makes a record of such a cluster again, from its tags.")),
    Command("help", "[COMMAND…]", ("help", "help create"), ANYBODY, say("Shows all commands, or one of them.")),
)
# fmt: on
BY_NAME = {command.name: command for command in COMMANDS}


def about(topic: str) -> tuple[Command, ...]:
    """The command of that name, or those that begin with that word (`admin`); empty when there is none."""
    held = BY_NAME.get(topic)
    return (held,) if held else tuple(c for c in COMMANDS if topic and c.name.startswith(f"{topic} "))
