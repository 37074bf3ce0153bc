"""The doctor's judgements: facts in, findings out, each green or with the way to make it so.

A fact that could not be had is a finding as well, and takes no other with it.
"""

from __future__ import annotations

from collections.abc import Mapping

from domain.capacity import Foundation
from domain.doctor import SOCKET, SWEEP, TICK, WORKER, Facts, Finding, Heard, SweepNote, Unseen, noted
from domain.needs import ACTIONS, GROUP_SCOPE, SCOPES
from domain.observation import Absent
from domain.rules import ApprovalRule, Freeze, Rules
from domain.words import Said, say

# Silence that is a fault, in seconds. The loops beat at least every 5, the worker at every message of the pulse (30).
TICK_LATE_S = 60
SOCKET_LATE_S = 60
WORKER_LATE_S = 180
SWEEP_LATE_S = 3 * 3600  # an hourly sweep that was missed twice
FULL = 0.8  # of Redis' memory limit: the rest is for the day it takes somebody to raise it
FREE_ADDRESSES = 16  # per subnet of a control plane; EKS asks for 6 and recommends 16 (VPC and subnet requirements)
ZONES = 2  # EKS wants subnets in two zones at least
MOST_NAMED = 12


def judge(facts: Facts, rules: Rules, *, socket_mode: bool) -> tuple[Finding, ...]:
    """Every finding, in the order in which a person would look."""
    return (
        slack(facts.scopes, rules),
        connection(facts.beats, socket_mode=socket_mode),
        *redis(facts.store),
        identity(facts.principal),
        permissions(facts.denied),
        *(foundation(region, seen) for region, seen in facts.foundations.items()),
        tick(facts.beats),
        worker(facts.beats),
        *sweep(facts.beats),
        approvers(rules),
        admins(rules),
        budgets(rules),
        access(facts.owners, rules),
        brake(facts.freeze),
        steps(facts.halt),
    )


def slack(scopes: frozenset[str] | Unseen, rules: Rules) -> Finding:
    """The bot token, and the scopes it was given."""
    name = say("Slack token")
    if isinstance(scopes, Unseen):
        fix = say("Check SLACK_BOT_TOKEN: install the app anew and copy its bot token (xoxb-…).")
        return _unseen(name, scopes, fix if scopes.final else say("Look at Slack's status page, and ask again."))
    missing = sorted((SCOPES if rules.user_groups else SCOPES - {GROUP_SCOPE}) - scopes)
    if missing:
        fix = say("Add them to the app as in manifest.yaml, and install it anew.")
        return Finding(name, False, say("The token lacks the scopes {scopes}.", scopes=", ".join(missing)), fix)
    return Finding(name, True, say("Slack accepts it, and it has every scope it needs."))


def connection(beats: Mapping[str, Heard] | Unseen, *, socket_mode: bool) -> Finding:
    """The web process: with its socket in Socket Mode, else listening for Slack's requests."""
    name = say("Slack connection")
    if isinstance(beats, Unseen):
        return _unseen(name, beats)
    heard = beats.get(SOCKET)
    if heard is not None and heard.age_s <= SOCKET_LATE_S:
        if socket_mode:
            return Finding(name, True, say("The socket to Slack is open ({age} ago).", age=span(heard.age_s)))
        return Finding(
            name, True, say("A web process listens for Slack's requests ({age} ago).", age=span(heard.age_s))
        )
    since = _silence(heard)
    if socket_mode:
        fix = say(
            "See that `raygpu run` or `raygpu web` runs, that it may reach wss://*.slack.com, and SLACK_APP_TOKEN."
        )
        return Finding(name, False, say("No process holds a socket to Slack. {since}", since=since), fix)
    fix = say("Start `raygpu run` or `raygpu web`.")
    return Finding(name, False, say("No web process listens for Slack. {since}", since=since), fix)


def redis(store: Mapping[str, str] | Unseen) -> tuple[Finding, ...]:
    """Whether the records survive: a crash, a full memory, and a cache's habits. A store that is silent is a fault."""
    name = say("Redis")
    if isinstance(store, Unseen):
        fix = say("Start the server, or correct RAYGPU_REDIS_URL.")
        return (Finding(name, False, store.message, fix),)
    version = store.get("version", "")
    told = say("It answers (version {version}).", version=version) if version else say("It answers.")
    return Finding(name, True, told), _durability(store), _eviction(store), _memory(store)


def _durability(store: Mapping[str, str]) -> Finding:
    name, only, sync = say("Redis durability"), store.get("appendonly"), store.get("appendfsync")
    if only == "no":
        text = say("It writes no append-only file: a restart loses the records.")
        return Finding(name, False, text, say("Set appendonly to yes, and appendfsync to always or everysec."))
    if store.get("last_write", "ok") != "ok":
        text = say("Its last write to disk failed.")
        return Finding(name, False, text, say("Look at the server's log and at the free space of its disk."))
    if only is None or sync is None:
        text = say("The server keeps its settings to itself, as a managed service does.")
        return Finding(
            name, None, text, say("See in its console that it writes an append-only file, or takes backups.")
        )
    if sync not in ("always", "everysec"):
        text = say("appendfsync is {value}: a power cut loses what was written last.", value=sync)
        return Finding(name, False, text, say("Set appendfsync to always or everysec."))
    return Finding(name, True, say("Every write goes into an append-only file (appendfsync {value}).", value=sync))


def _eviction(store: Mapping[str, str]) -> Finding:
    name, policy = say("Redis eviction"), store.get("maxmemory-policy")
    if policy is None:
        text = say("The server does not tell its maxmemory-policy.")
        return Finding(name, None, text, say("See in its console that it is noeviction."))
    if policy != "noeviction":
        text = say("maxmemory-policy is {value}: it may throw cluster records away.", value=policy)
        return Finding(name, False, text, say("Set maxmemory-policy to noeviction."))
    return Finding(name, True, say("It throws no record away (noeviction)."))


def _memory(store: Mapping[str, str]) -> Finding:
    name, used, most = say("Redis memory"), store.get("used_memory", ""), store.get("maxmemory", "")
    if not used.isdecimal() or not most.isdecimal():
        return Finding(name, None, say("The server does not tell how much memory it uses."), say("See its console."))
    if int(most) == 0:
        return Finding(name, True, say("It uses {used} MB; no limit is set.", used=_mb(used)))
    told = say("It uses {used} of {most} MB.", used=_mb(used), most=_mb(most))
    if int(used) > FULL * int(most):
        return Finding(name, False, told, say("Raise maxmemory: when it is full, nothing can be written down."))
    return Finding(name, True, told)


def identity(principal: str | Unseen) -> Finding:
    """Who the bot is to AWS."""
    name = say("AWS identity")
    if isinstance(principal, Unseen):
        return _unseen(name, principal, say("Give the bot a role (Pod Identity, an instance profile) or a profile."))
    return Finding(name, True, say("AWS knows it as {principal}.", principal=principal))


def permissions(denied: tuple[str, ...] | Unseen) -> Finding:
    """What its role may do, asked of IAM by simulation."""
    name = say("AWS permissions")
    if isinstance(denied, Unseen):
        setup = say("An administrator runs `raygpu setup`, which lets the bot ask IAM about its own role.")
        return Finding(name, None, denied.message, setup if denied.final else say("Ask again in a minute."))
    if denied:
        text = say(
            "Of the {all} actions it needs these are not allowed: {actions}.", all=len(ACTIONS), actions=_named(denied)
        )
        return Finding(name, False, text, say("An administrator runs `raygpu setup`, or allows them in IAM."))
    return Finding(name, True, say("All {all} actions it needs are allowed.", all=len(ACTIONS)))


def foundation(region: str, seen: Foundation | Absent | Unseen) -> Finding:
    """Network and roles of one region."""
    name = say("Foundation in {region}", region=region)
    if isinstance(seen, Unseen):
        return _unseen(name, seen, say("Ask again; if it stays so, see the region's name in the configuration."))
    if isinstance(seen, Absent):
        text = say("There is no foundation: no cluster can be made in this region.")
        return Finding(name, False, text, say("An administrator runs `raygpu setup --region {region}`.", region=region))
    zones = {subnet.zone for subnet in seen.subnets}
    if len(zones) < ZONES:
        text = say("Its subnets stand in one zone; EKS wants two.")
        return Finding(name, False, text, say("Give it a subnet in another zone."))
    full = sorted(subnet.id for subnet in seen.subnets if subnet.free_ips < FREE_ADDRESSES)
    if full:
        text = say("Hardly an address is free in {subnets}.", subnets=", ".join(full))
        return Finding(name, False, text, say("Free addresses there, or give it larger subnets."))
    return Finding(name, True, say("{vpc}, subnets in {zones}.", vpc=seen.vpc, zones=", ".join(sorted(zones))))


def tick(beats: Mapping[str, Heard] | Unseen) -> Finding:
    """The scheduler: without it nothing that is due is looked at."""
    fix = say("Start `raygpu run` or `raygpu scheduler`.")
    return _loop(say("Tick"), beats, (TICK, TICK_LATE_S), fix)


def worker(beats: Mapping[str, Heard] | Unseen) -> Finding:
    """The worker, heard of whenever it takes one of the tick's messages from the queue."""
    fix = say("Start `raygpu run` or `raygpu worker`; if one runs, its log says what holds it.")
    return _loop(say("Worker"), beats, (WORKER, WORKER_LATE_S), fix)


def sweep(beats: Mapping[str, Heard] | Unseen) -> tuple[Finding, ...]:
    """How long ago AWS was last searched for clusters without a record, and what was found."""
    name = say("Sweep")
    if isinstance(beats, Unseen):
        return (_unseen(name, beats),)
    heard = beats.get(SWEEP)
    note = noted(heard.detail) if heard is not None else None
    if heard is None or note is None:
        text = say("AWS was not yet searched for clusters without a record.")
        return (Finding(name, None, text, say("It is, within minutes of the first start; see Tick and Worker.")),)
    if heard.age_s > SWEEP_LATE_S:
        text = say("AWS was last searched {age} ago; it is to be every hour.", age=span(heard.age_s))
        return Finding(name, False, text, say("See Tick and Worker; the worker's log says what failed.")), _orphans(
            note
        )
    if note.unread:
        text = say(
            "{regions} could not be searched ({age} ago).", regions=", ".join(note.unread), age=span(heard.age_s)
        )
        fix = say("`/raygpu admin orphans` searches now; AWS permissions and the worker's log say why.")
        return Finding(name, None, text, fix), _orphans(note)
    return Finding(name, True, say("Every region was searched {age} ago.", age=span(heard.age_s))), _orphans(note)


def _orphans(note: SweepNote) -> Finding:
    name = say("Orphans")
    fix = say("`/raygpu admin orphans` names them; `/raygpu admin adopt ID` takes one in, or delete it in AWS.")
    if note.orphans == 1:
        return Finding(name, False, say("One cluster stands in AWS that no record knows; it costs money."), fix)
    if note.orphans:
        text = say("{count} clusters stand in AWS that no record knows; they cost money.", count=note.orphans)
        return Finding(name, False, text, fix)
    if note.missing:
        return Finding(
            name, False, _missing(note.missing), say("`/raygpu admin orphans` names them; look at their cards.")
        )
    if note.unread:
        return Finding(name, None, say("None where it could be searched."), say("See Sweep."))
    return Finding(name, True, say("No cluster stands in AWS without a record."))


def _missing(count: int) -> Said:
    if count == 1:
        return say("A record says that its cluster stands, and AWS does not have it.")
    return say("{count} records say that their clusters stand, and AWS does not have them.", count=count)


def approvers(rules: Rules) -> Finding:
    """Whether every approval the rules ask for can be given at all."""
    name = say("Approvers")
    for need in rules.approval or (ApprovalRule(),):
        people = rules.members(need.group)
        if need.approvals == 0 or people & rules.user_groups:
            continue
        if len(people) < need.approvals:
            text = say("Requests need {count} of “{group}”, and {able} are in it.", count=need.approvals,
                       group=need.group, able=len(people))  # fmt: skip
            fix = say(
                "Add people to “{group}” in the configuration: the file that RAYGPU_CONFIG names.", group=need.group
            )
            return Finding(name, False, text, fix)
        if len(people) == need.approvals:
            text = say(
                "“{group}” has no more people than a request needs: what they ask for themselves nobody can approve.",
                group=need.group,
            )
            return Finding(name, True, text)
    return Finding(name, True, say("Every approval the rules ask for can be given."))


def admins(rules: Rules) -> Finding:
    """Who may pull the emergency brake."""
    name = say("Administrators")
    if rules.admins:
        return Finding(name, True, say("There are some."))
    text = say("There are none: nobody can pull the emergency brake, or act for somebody who is away.")
    return Finding(name, False, text, say("Name them under `admins` in the configuration."))


def budgets(rules: Rules) -> Finding:
    """Whether somebody may decide above a budget."""
    name, held = say("Budgets"), rules.budgets
    if held.user is None and held.team is None and not held.users and not held.teams:
        return Finding(name, True, say("No budget is set."))
    if not rules.members(held.second_tier):
        text = say("Above a budget one of “{group}” must approve, and nobody is in it.", group=held.second_tier)
        return Finding(name, False, text, say("Name people for it in the configuration, or another `second_tier`."))
    return Finding(name, True, say("Above a budget one of “{group}” decides.", group=held.second_tier))


def access(owners: frozenset[str] | Unseen, rules: Rules) -> Finding:
    """Whether those who own clusters can get into them."""
    name = say("Access")
    if isinstance(owners, Unseen):
        return _unseen(name, owners)
    without = sorted(owners - frozenset(rules.principals))
    if without:
        people = _named(tuple(f"<@{user}>" for user in without))
        text = say("No IAM principal is known of {people}, who cannot reach what they own.", people=people)
        return Finding(name, False, text, say("Name their IAM roles or users under `principals` in the configuration."))
    return Finding(name, True, say("Everybody who owns a cluster has an IAM principal."))


def brake(freeze: Freeze | Unseen | None) -> Finding:
    """The emergency brake."""
    name = say("Emergency brake")
    if isinstance(freeze, Unseen):
        return _unseen(name, freeze)
    if freeze is None:
        return Finding(name, True, say("It is not pulled."))
    text = say("<@{by}> has pulled it: {reason}", by=freeze.by, reason=freeze.reason or say("no reason was given"))
    return Finding(name, False, text, say("`/raygpu admin unfreeze` lifts it, when its reason is gone."))


def steps(halt: Freeze | Unseen | None) -> Finding:
    """The switch of what raygpu does by itself about idleness and ends."""
    name = say("Automatic steps")
    if isinstance(halt, Unseen):
        return _unseen(name, halt)
    if halt is None:
        return Finding(name, True, say("They are on; each waits for its owner's leave and its warnings."))
    text = say("<@{by}> has stopped them: {reason}", by=halt.by, reason=halt.reason or say("no reason was given"))
    return Finding(name, False, text, say("`/raygpu admin automatic on` lets them go on, when its reason is gone."))


def span(seconds: float) -> Said:
    """How long ago, in the one unit that says it."""
    if seconds < 120:
        return say("{number} s", number=int(seconds))
    if seconds < 7200:
        return say("{number} min", number=int(seconds // 60))
    return say("{number} h", number=int(seconds // 3600))


def _loop(name: Said, beats: Mapping[str, Heard] | Unseen, late: tuple[str, int], fix: Said) -> Finding:
    if isinstance(beats, Unseen):
        return _unseen(name, beats)
    heard = beats.get(late[0])
    if heard is None or heard.age_s > late[1]:
        return Finding(name, False, _silence(heard), fix)
    return Finding(name, True, say("Heard of {age} ago.", age=span(heard.age_s)))


def _silence(heard: Heard | None) -> Said:
    if heard is None:
        return say("It was never heard of.")
    return say("It was last heard of {age} ago.", age=span(heard.age_s))


def _unseen(name: Said, unseen: Unseen, fix: Said | None = None) -> Finding:
    """Red where the outside said no, else unknown."""
    return Finding(name, False if unseen.final else None, unseen.message, fix or say("See what is said of Redis."))


def _named(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:MOST_NAMED])
    return shown if len(names) <= MOST_NAMED else f"{shown}, …"


def _mb(size: str) -> str:
    return f"{int(size) / 1_000_000:.1f}"
