"""Every command on the wire, once, against a running bot: what it answers, and what the world is like afterwards."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
import redis
import yaml
from story_rig import ALICE, BOB, CAROL, CHANNEL, Sandbox, buttons, said, sandbox, wait_for

from blocks import manual
from sandbox.bot_process import run_once

pytestmark = pytest.mark.timeout(300)
ALICES_ROLE, BOBS_ROLE = "arn:aws:iam::111122223333:role/alice", "arn:aws:iam::111122223333:role/bob"
TYPED: list[str] = []


@pytest.fixture(scope="module")
def world() -> Iterator[Sandbox]:
    """With two clusters that are ready; what the tests do to them they do in this order."""
    with sandbox("--speed", "60", "--seed", "13") as running:
        for name in ("demo", "stray"):
            typed(running, f"create {name} --team vision --max 2 --ttl 8h --reason wire")
        for name in ("demo", "stray"):
            running.approve(name)
        for name in ("demo", "stray"):
            running.ready(name)
        yield running


def typed(world: Sandbox, text: str, user: str = ALICE) -> str:
    """What the person is answered at once."""
    TYPED.append(text)
    answer = world.command(text, user)
    assert answer["status"] == 200
    assert answer["ms"] < 3000
    return said(answer["body"])


def later(world: Sandbox, text: str, user: str) -> str:
    """What the person is answered after a while."""
    before = len(world.whispers(user))
    assert "raygpu is looking" in typed(world, text, user)
    return str(wait_for(lambda: world.whispers(user)[before + 1 :], 40)[-1])


def expires(world: Sandbox, name: str = "demo") -> int:
    """The end on the card, in epoch seconds."""
    found = re.search(r"Expires <!date\^(\d+)\^", said(world.card(name)))
    assert found is not None
    return int(found.group(1))


def ends_in_aws(world: Sandbox) -> int:
    """The end in the tags of the control plane."""
    return int(datetime.fromisoformat(world.eks("demo")["tags"]["raygpu:expires"]).timestamp())


def entries(world: Sandbox, name: str = "demo") -> dict[str, list[str]]:
    """Who of the people is let in: principal and policies."""
    every = (world.eks(name) or {})["access_entries"]
    return {e["principal"]: e["policies"] for e in every if e["principal"] in (ALICES_ROLE, BOBS_ROLE)}


def changing(world: Sandbox) -> list[str]:
    """Every call so far that makes, changes or takes away something of EKS or EC2."""
    verbs = ("Create", "Delete", "Update", "Associate", "Disassociate", "Terminate")
    return [
        c["operation"] for c in world.calls() if c["service"] in ("eks", "ec2") and c["operation"].startswith(verbs)
    ]


def test_a_plan_says_steps_calls_and_price_and_does_nothing(world: Sandbox) -> None:
    """`create --plan`: price, budgets, approvals, AWS calls; no card, no name taken, nothing in the world."""
    told = typed(world, "create planned --gpu g5.12xlarge --gpus 2 --ttl 4h --team vision --plan")
    for words in ("$11.89/h", "This puts vision at", "1 approval of “approvers”", "eks:CreateCluster in us-west-2"):
        assert words in told
    assert world.card("planned") is None
    assert world.eks("planned") is None
    assert "no cluster named" in typed(world, "status planned")


def test_create_alone_opens_the_form(world: Sandbox) -> None:
    """The form is on the person's screen, with a price."""
    typed(world, "create")
    [view] = world.get(f"/slack/views?user={ALICE}")["views"]
    assert view["callback_id"] == "create_cluster"
    assert "$1.438/h" in json.dumps(view["blocks"])


def test_what_only_looks_is_answered(world: Sandbox) -> None:
    """help for every command, list of each kind, status, history, cost: each says what is true of these two."""
    overview = typed(world, "help", BOB)
    for command in manual.COMMANDS:
        assert command.name in overview
        assert command.examples[0] in typed(world, f"help {command.name}", BOB)
    for scope, user in (("", ALICE), ("mine", ALICE), ("team", BOB), ("all", CAROL)):
        told = typed(world, f"list {scope}", user)
        assert "demo" in told
        assert "stray" in told
    assert "demo" not in typed(world, "list mine", BOB)
    assert "1 GPU proven" in typed(world, "status demo", BOB)
    history = typed(world, "history demo", BOB)
    for words in (f"<@{ALICE}> asked for it · by command", f"<@{BOB}> approved it · by button", "→ Ready"):
        assert words in history
    for subject in ("", "me", "team 30d", "all 1d", "demo"):
        told = typed(world, f"cost {subject}")
        assert "demo" in told
        sums = re.findall(r"\$(\d[\d,]*\.\d+)", told.splitlines()[0])
        assert float(sums[0]) > 0


def test_a_manifest_fits_the_nodes(world: Sandbox) -> None:
    """`manifest`: YAML of a RayCluster whose workers tolerate the taint that stands on the live GPU node."""
    told = typed(world, "manifest demo", BOB)
    made = yaml.safe_load(told.split("```")[1])
    [workers] = made["spec"]["workerGroupSpecs"]
    assert (made["kind"], workers["replicas"], workers["maxReplicas"]) == ("RayCluster", 1, 2)
    [toleration] = workers["template"]["spec"]["tolerations"]
    taints = {taint for node in world.eks("demo")["nodes"] for taint in node["taints"] if node["gpus_expected"]}
    assert taints == {f"{toleration['key']}={toleration['value']}:{toleration['effect']}"}


def test_extend_and_keep_move_the_end(world: Sandbox) -> None:
    """The card, the tag in AWS and the history follow; an approver may extend as well, a stranger to it may not keep."""
    before = expires(world)
    assert "4 h more. At $1.438/h that comes to $5.75" in typed(world, "extend demo 4h")
    wait_for(lambda: expires(world) == before + 4 * 3600, 30)
    assert "1 h more" in typed(world, "extend demo by 1h", BOB)
    told = typed(world, "keep demo until tomorrow 18:00 --reason the demo is then")
    kept = int(re.search(r"kept until <!date\^(\d+)\^", told).group(1))
    wait_for(lambda: expires(world) == max(kept, before + 5 * 3600), 30)
    assert "Kept until" in said(world.card("demo"))
    wait_for(lambda: ends_in_aws(world) == expires(world), 30)
    assert "may" in typed(world, "keep demo 2h", BOB)
    history = typed(world, "history demo")
    assert history.count("extended it") == 2
    assert history.count("kept it") == 1


def test_access_is_given_and_taken(world: Sandbox) -> None:
    """An access entry of Bob's role with the view policy comes, becomes edit, and goes; the owner is in already."""
    assert "You have admin access" in typed(world, "access demo")
    assert "aws eks update-kubeconfig" in typed(world, f"access demo <@{BOB}>")
    wait_for(lambda: "AmazonEKSViewPolicy" in str(entries(world).get(BOBS_ROLE)), 30)
    typed(world, f"access demo <@{BOB}|bob> --level edit")
    wait_for(lambda: re.fullmatch(r"\['[^']*AmazonEKSEditPolicy'\]", str(entries(world).get(BOBS_ROLE))), 30)
    assert "is being taken away" in typed(world, f"access demo <@{BOB}> --revoke")
    wait_for(lambda: BOBS_ROLE not in entries(world), 30)
    assert ALICES_ROLE in entries(world)


def test_scale_park_and_resume_change_the_group(world: Sandbox) -> None:
    """Two nodes, none, two again: group sizes, nodes and the bill of the world; the card says each with its price."""
    assert "$2.556/h instead of $1.438/h" in typed(world, "scale demo to 2")
    wait_for(lambda: world.groups("demo")["gpu-node-group"] == (0, 2, 2), 60)
    world.wait_card("demo", lambda c: "*2 GPUs proven*" in said(c))
    before = world.get("/world")["bill"]["per_hour"]
    assert "$0.32/h instead of $2.556/h" in typed(world, "park demo")
    wait_for(lambda: world.groups("demo")["gpu-node-group"] == (0, 0, 2), 60)
    world.wait_card("demo", lambda c: ": parked." in c["text"])
    wait_for(lambda: sum(n["gpus_expected"] for n in world.eks("demo")["nodes"]) == 0, 60)
    wait_for(lambda: world.get("/world")["bill"]["per_hour"] == pytest.approx(before - 2.236, abs=0.01), 60)
    assert "resumes with 2 GPU nodes" in typed(world, "resume demo")
    wait_for(lambda: world.groups("demo")["gpu-node-group"] == (0, 2, 2), 60)
    world.wait_card("demo", lambda c: ": ready." in c["text"] and "*2 GPUs proven*" in said(c))


def test_verify_proves_every_node_anew(world: Sandbox) -> None:
    """Another CUDA pod on each of the two nodes."""

    def proofs() -> int:
        return len([c for c in world.calls() if c["operation"] == "POST /api/v1/namespaces/default/pods"])

    before = proofs()
    assert "proven anew" in typed(world, "verify demo")
    wait_for(lambda: proofs() == before + 2, 60)
    world.wait_card("demo", lambda c: "*2 GPUs proven*" in said(c))


def test_transfer_moves_owner_tag_and_access(world: Sandbox) -> None:
    """The card, the tag and an access entry are Bob's; Alice keeps hers until Bob takes it away."""
    assert f"now belongs to <@{BOB}>" in typed(world, f"transfer demo to <@{BOB}>")
    wait_for(lambda: world.eks("demo")["tags"]["raygpu:owner"] == BOB, 30)
    wait_for(lambda: set(entries(world)) == {ALICES_ROLE, BOBS_ROLE}, 30)
    typed(world, f"access demo <@{ALICE}> --revoke", BOB)
    wait_for(lambda: set(entries(world)) == {BOBS_ROLE}, 30)
    world.wait_card("demo", lambda c: f"<@{BOB}> · team vision · asked for by <@{ALICE}>" in said(c), 30)


def test_the_doctor_finds_nothing_to_mend(world: Sandbox) -> None:
    """In Slack for administrators only, and on a terminal with exit code 0."""
    assert "administrator" in typed(world, "doctor", ALICE)
    told = later(world, "doctor", CAROL)
    assert "nothing to mend" in told
    assert "✗" not in told
    done = run_once(world.env, "doctor")
    assert (done.returncode, "✗" in done.stdout) == (0, False)
    assert "nothing to mend" in done.stdout


def test_a_cluster_whose_record_is_lost_is_found_and_taken_in(world: Sandbox) -> None:
    """Its record is gone from Redis: `admin orphans` names it with its owner, `admin adopt` makes it Alice's again."""
    name, before = world.eks("stray")["name"], expires(world, "stray")
    assert "has its record" in later(world, "admin orphans", CAROL)
    with redis.Redis.from_url(world.env["RAYGPU_REDIS_URL"]) as store:
        assert store.hdel("{raygpu}:clusters", name.removeprefix("raygpu-")) == 1
    told = later(world, "admin orphans", CAROL)
    assert "One cluster stands in AWS that no record knows." in told
    assert name in told
    assert f"<@{ALICE}>" in told
    assert "administrator" in typed(world, f"admin adopt {name}", BOB)
    assert f"owned by <@{ALICE}>" in later(world, f"admin adopt {name}", CAROL)
    world.wait_card("stray", lambda c: f"Adopted by <@{CAROL}>" in said(c) and ": ready." in c["text"])
    assert expires(world, "stray") == before
    assert f"<@{CAROL}> adopted it" in typed(world, "history stray")
    assert "has its record" in later(world, "admin orphans", CAROL)


def test_frozen_nothing_is_built_and_nothing_is_deleted(world: Sandbox) -> None:
    """A build and a deletion under way stand still, and nobody may begin another; unfrozen both go on to their ends."""
    typed(world, "create icy --no-smoke", CAROL)
    world.approve("icy")
    wait_for(lambda: world.eks("icy"), 60)
    for name, owner in (("demo", BOB), ("stray", ALICE)):
        confirm_delete(world, name, owner)
    wait_for(lambda: any(c["operation"] == "DeleteNodegroup" for c in world.calls()), 60)
    assert "pulled" in typed(world, "admin freeze audit of the account", CAROL)
    for name in ("icy", "demo", "stray"):
        world.wait_card(name, lambda c: "Frozen by" in said(c), 40)
    assert "frozen by" in typed(world, "create another")
    assert "frozen by" in typed(world, "delete icy", CAROL)
    before = changing(world)
    wait_for(lambda: world.eks("icy")["status"] == "ACTIVE", 60)
    world.post("/world/clock", {"advance_s": 1800})
    wait_for(lambda: looks_after(world, "icy") >= 3, 40)
    assert changing(world) == before
    assert world.eks("icy")["nodegroups"] == []
    assert world.eks("demo") is not None
    assert "lifted" in typed(world, "admin unfreeze", CAROL)
    for name in ("demo", "stray"):
        assert "Nothing is left" in said(world.gone(name))
    wait_for(lambda: len((world.eks("icy") or {"nodegroups": []})["nodegroups"]) == 2, 60)
    confirm_delete(world, "icy", CAROL)
    assert "Nothing is left" in said(world.gone("icy"))


def looks_after(world: Sandbox, name: str) -> int:
    """How often raygpu has looked at that control plane since the clock was stepped half an hour ahead."""
    now = world.get("/world")["now"]
    return len(
        [
            c
            for c in world.get(f"/world/calls?since={now - 1500}")["calls"]
            if c["operation"] == "DescribeCluster" and c["params"].get("name", "").startswith(f"raygpu-{name}-")
        ]
    )


def confirm_delete(world: Sandbox, name: str, user: str) -> None:
    """`delete NAME`, and the yes to its question."""
    before = {m["ts"] for m in whispered(world, user)}
    assert f"Delete {name}?" in typed(world, f"delete {name}", user)
    question = wait_for(lambda: [m for m in whispered(world, user) if m["ts"] not in before], 10)[-1]
    action = next(one for one in buttons(question) if "asked" in one)
    click = {"user": user, "channel": CHANNEL, "ts": question["ts"], "action_id": action}
    assert world.post("/slack/click", click)["status"] == 200


def whispered(world: Sandbox, user: str) -> list[dict[str, Any]]:
    return [m for m in world.get(f"/slack/messages?user={user}") if m.get("ephemeral_to") == user]


def test_the_audit_tells_all_of_it(world: Sandbox) -> None:
    """`raygpu audit` prints one JSON object a line, with who, what, through what, from what to what; each story in order."""
    done = run_once(world.env, "audit")
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    for story in {line["object"] for line in lines}:
        times = [line["at"] for line in lines if line["object"] == story]
        assert times == sorted(times)
    acts = {(line["actor"], line["action"], line["via"]) for line in lines}
    assert acts >= {
        (ALICE, "create", "command"),
        (BOB, "approve", "button"),
        (ALICE, "extend", "command"),
        (BOB, "extend", "command"),
        (ALICE, "keep", "command"),
        (ALICE, "grant", "command"),
        (ALICE, "revoke", "command"),
        (ALICE, "scale", "command"),
        (ALICE, "park", "command"),
        (ALICE, "resume", "command"),
        (ALICE, "verify", "command"),
        (ALICE, "transfer", "command"),
        (CAROL, "adopt", "command"),
        (CAROL, "freeze", "command"),
        (CAROL, "unfreeze", "command"),
        (BOB, "delete", "button"),
    }
    [scaled] = [line for line in lines if line["action"] == "scale"]
    assert scaled["before"] != scaled["after"]
    some = run_once(world.env, "audit", "--cluster", "demo")
    assert {json.loads(line)["object"] for line in some.stdout.splitlines()} == {scaled["object"]}


def test_automatic_steps_are_an_administrators_switch(world: Sandbox) -> None:
    """Nobody else's; and of a cluster that is gone neither the evidence is shown nor a word taken against it."""
    assert "Only administrators" in typed(world, "admin automatic off", BOB)
    assert "nothing by itself any more" in typed(world, "admin automatic off the demo is on Monday", CAROL)
    assert "may act by itself again" in typed(world, "admin automatic on", CAROL)
    for text in ("why demo", "busy demo"):
        assert "demo" in typed(world, text, BOB)


def test_every_command_was_typed_and_nothing_is_left(world: Sandbox) -> None:
    """The table of commands has none that this file did not type; no cluster, no leftover, no bill."""
    assert [c.name for c in manual.COMMANDS if not any(text.startswith(c.name) for text in TYPED)] == []
    left = world.get("/world")
    assert (left["clusters"], left["leftovers"], left["bill"]["per_hour"]) == ([], [], 0)
