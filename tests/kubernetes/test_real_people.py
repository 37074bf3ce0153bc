"""People at a terminal: the command from the card, the real AWS command line, the real kubectl, a real API server."""

from __future__ import annotations

import base64
import json
import re
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
import yaml

from tests.e2e.story_rig import ALICE, BOB, Sandbox, said, sandbox, wait_for
from tests.kubernetes.real_rig import Person, aws_command, carried_command, person, programs

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(400)]
ACCOUNT = "111122223333"
PATIENCE_S = 180
REFUSED_SOON_S = 30


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """aws and kubectl."""
    return aws_command(), carried_command("kubectl", tmp_path_factory.mktemp("kubectl"))


@pytest.fixture(scope="module")
def world(commands: tuple[Path, Path]) -> Iterator[Sandbox]:
    """A sandbox with a cluster of Alice's that is ready."""
    programs()
    with sandbox("--speed", "60", "--seed", "11", "--kubernetes", "real") as running:
        running.command("create demo --gpu g5.xlarge --ttl 8h --reason tests")
        running.approve("demo")
        running.wait_card("demo", lambda c: ": ready." in c["text"], PATIENCE_S)
        yield running


def _line(world: Sandbox) -> str:
    """The command on the card."""
    found = re.search(r"aws eks update-kubeconfig --region \S+ --name [a-z0-9-]+", said(world.card("demo")))
    assert found is not None
    return found.group()


def _at_a_terminal(world: Sandbox, name: str, commands: tuple[Path, Path], folder: Path) -> Person:
    """A person of that role who has typed the command from the card."""
    somebody = person(f"arn:aws:iam::{ACCOUNT}:role/{name}", world.env, folder / name, commands)
    done = somebody.run(_line(world))
    assert done.returncode == 0, done.stderr
    return somebody


def _status(url: str, ca: bytes, token: str = "") -> int:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urllib.request.urlopen(request, context=ssl.create_default_context(cadata=ca.decode())) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_the_owner_lists_nodes_with_the_command_from_the_card(
    world: Sandbox, commands: tuple[Path, Path], tmp_path: Path
) -> None:
    """The kubeconfig leads to loopback and holds no secret; kubectl sees both nodes, Ready, with their GPUs."""
    alice = _at_a_terminal(world, "alice", commands, tmp_path)
    config = yaml.safe_load((alice.home / ".kube" / "config").read_text())
    assert config["clusters"][0]["cluster"]["server"].startswith("https://127.0.0.1:")
    assert "token" not in config["users"][0]["user"]
    nodes = alice.got("kubectl get nodes -o json")["items"]
    assert sorted(n["status"]["allocatable"].get("nvidia.com/gpu", "-") for n in nodes) == ["-", "1"]
    table = alice.run("kubectl get nodes").stdout
    assert len(re.findall(r"^ip-\S+ +Ready ", table, re.MULTILINE)) == 2
    assert alice.run("kubectl auth can-i delete nodes").stdout.strip() == "yes"


def test_without_a_token_401_and_without_an_entry_403(
    world: Sandbox, commands: tuple[Path, Path], tmp_path: Path
) -> None:
    """Health is open to everybody; a role that IAM knows and the cluster does not is told Forbidden."""
    plane = boto3.client("eks", **_keys(world)).describe_cluster(name=world.eks("demo")["name"])["cluster"]
    ca = base64.b64decode(plane["certificateAuthority"]["data"])
    assert _status(f"{plane['endpoint']}/readyz", ca) == 200
    assert _status(f"{plane['endpoint']}/api/v1/nodes", ca) == 401
    assert _status(f"{plane['endpoint']}/api/v1/nodes", ca, "k8s-aws-v1.bm90aGluZw") == 401
    trusted = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [trusted]})
    boto3.client("iam", **_keys(world)).create_role(RoleName="stranger", AssumeRolePolicyDocument=policy)
    stranger = _at_a_terminal(world, "stranger", commands, tmp_path)
    refused = stranger.run("kubectl get pods")
    assert refused.returncode != 0
    assert "Forbidden" in refused.stderr
    assert "role/stranger" in refused.stderr


def _keys(world: Sandbox) -> dict[str, str]:
    return {
        "endpoint_url": world.env["AWS_ENDPOINT_URL"],
        "region_name": world.env["AWS_DEFAULT_REGION"],
        "aws_access_key_id": world.env["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": world.env["AWS_SECRET_ACCESS_KEY"],
    }


def test_a_person_with_view_rights_sees_and_cannot_delete(
    world: Sandbox, commands: tuple[Path, Path], tmp_path: Path
) -> None:
    """Alice gives Bob view: he lists pods, his delete is Forbidden and the pod stands; taken away, he sees nothing more."""
    world.command(f"access demo <@{BOB}> --level view")
    role = f"arn:aws:iam::{ACCOUNT}:role/bob"
    wait_for(lambda: role in _entries(world), 60, lambda: world.eks("demo"))
    bob = _at_a_terminal(world, "bob", commands, tmp_path)
    pods = wait_for(lambda: _listed(bob), 20)
    name = next(pod["metadata"]["name"] for pod in pods if pod["metadata"]["name"].startswith("coredns-"))
    refused = bob.run(f"kubectl delete pod {name} -n kube-system")
    assert refused.returncode != 0
    assert "Forbidden" in refused.stderr
    alice = _at_a_terminal(world, "alice", commands, tmp_path)
    standing = alice.got(f"kubectl get pod {name} -n kube-system -o json")
    assert standing["metadata"].get("deletionTimestamp") is None
    assert [bob.run(f"kubectl auth can-i {verb} pods").stdout.strip() for verb in ("list", "delete")] == ["yes", "no"]
    world.command(f"access demo <@{BOB}> --revoke")
    wait_for(lambda: role not in _entries(world), 60, lambda: world.eks("demo"))
    wait_for(lambda: "Forbidden" in bob.run("kubectl get pods -A").stderr, REFUSED_SOON_S)


def _entries(world: Sandbox) -> list[str]:
    return [entry["principal"] for entry in world.eks("demo")["access_entries"] if entry["policies"]]


def _listed(somebody: Person) -> list[dict[str, object]] | None:
    done = somebody.run("kubectl get pods -A -o json")
    return json.loads(done.stdout)["items"] if done.returncode == 0 else None


def test_after_delete_the_entry_is_gone(world: Sandbox, commands: tuple[Path, Path], tmp_path: Path) -> None:
    """With the cluster its entries go: the AWS command finds none, and kubectl nobody to speak to."""
    alice = _at_a_terminal(world, "alice", commands, tmp_path)
    name = world.eks("demo")["name"]
    entries = alice.got(f"aws eks list-access-entries --cluster-name {name} --region us-west-2")["accessEntries"]
    assert f"arn:aws:iam::{ACCOUNT}:role/alice" in entries
    world.click(world.card("demo"), "delete", ALICE)
    world.wait_card("demo", lambda c: ": deleted." in c["text"], PATIENCE_S)
    gone = alice.run(f"aws eks list-access-entries --cluster-name {name} --region us-west-2")
    assert gone.returncode != 0
    assert "ResourceNotFoundException" in gone.stderr
    assert wait_for(lambda: "refused" in alice.run("kubectl get nodes").stderr, REFUSED_SOON_S)
