"""The main job on the wire: create, approve, ready, delete, receipt; over signed HTTP and over Socket Mode."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from story_rig import ALICE, BOB, BORIS, Sandbox, buttons, said, sandbox, wait_for

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module", params=[(), ("--socket-mode",)], ids=["http", "socket"])
def world(request: pytest.FixtureRequest):
    with sandbox("--speed", "60", "--seed", "7", *request.param) as running:
        yield running


def test_a_create_goes_to_proven_gpus_and_back_to_nothing(world: Sandbox) -> None:
    """From a slash command to eight proven GPUs, and after delete nothing stands, nothing bills, each create went once."""
    answer = world.command("create demo --gpu g5.12xlarge --gpus 2 --ttl 4h --reason tests")
    assert answer["status"] == 200
    assert answer["ms"] < 3000
    world.approve("demo")
    ready = world.ready("demo")
    words = said(ready)
    assert "8 GPUs proven" in words
    assert "aws eks update-kubeconfig --region us-west-2 --name raygpu-demo-" in words
    assert "ray.io/node-type" in words
    assert "$11.8" in words
    built = world.get("/world")["clusters"][0]
    assert {g["name"]: (g["instance_types"], g["desired"], g["min"]) for g in built["nodegroups"]} == {
        "cpu-node-group": (["m5.xlarge"], 1, 0),
        "gpu-node-group": (["g5.12xlarge"], 2, 0),
    }
    assert sum(node["gpus"] for node in built["nodes"]) == 8
    assert any("delete" in action for action in buttons(ready))
    world.click(ready, "delete", ALICE)
    assert "Nothing is left" in said(world.gone("demo"))
    left = world.get("/world")
    assert left["clusters"] == []
    assert left["leftovers"] == []
    assert left["bill"]["per_hour"] == 0
    assert set(world.created().values()) == {1}
    smoke = [c["params"]["body"] for c in world.calls() if c["operation"] == "POST /api/v1/namespaces/default/pods"]
    assert [len(pod["spec"]["containers"]) for pod in smoke] == [4, 4]
    assert {what for what, _ in world.created()} >= {"CreateCluster", "CreateNodegroup", "CreateAddon"}


def test_every_question_is_answered(world: Sandbox) -> None:
    """help, list, status and a mistyped word each get an answer that only the asker sees."""
    assert "create" in said(world.command("help")["body"])
    assert "There are no clusters" in said(world.command("list all")["body"])
    assert "Did you mean" in said(world.command("craete demo")["body"])
    assert "no cluster named" in said(world.command("status nothing-here")["body"])


def test_two_approvers_at_once_make_one_decision(world: Sandbox) -> None:
    """Alice may not approve her own request; of Bob's and Boris' clicks at the same moment one counts, both are answered."""
    world.command("create second")
    card = world.wait_card("second", lambda c: any("approve" in b for b in buttons(c)))
    world.click(card, "approve", ALICE)
    assert "own request" in world.whispers(ALICE)[-1]
    with ThreadPoolExecutor(2) as pool:
        deny = pool.submit(world.click, card, "deny", BOB)
        also = pool.submit(world.click, card, "deny", BORIS)
        assert {deny.result()["status"], also.result()["status"]} == {200}
    denied = world.wait_card("second", lambda c: ": denied." in c["text"])
    winner, loser = (BOB, BORIS) if f"<@{BOB}>" in said(denied) else (BORIS, BOB)
    assert f"<@{winner}>" in said(denied)
    assert wait_for(lambda: any(f"Already denied by <@{winner}>" in w for w in world.whispers(loser)), 10)
    assert world.get("/world")["clusters"] == []
