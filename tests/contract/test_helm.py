"""The port HelmCharts over a helm that the tests script: what it is given, and what is made of what it says.

The real helm installs the real operator in tests/kubernetes/test_kuberay.py.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import sys
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.helm import HelmCharts, find
from domain.errors import Denied, OutsideError, Rejected, Unavailable
from domain.observation import ControlPlane
from domain.operator import OperatorChart

PLANE = ControlPlane("raygpu-demo-abc23", "us-west-2", "ACTIVE", "1.35", "arn:x", "https://eks.example", "Q0E=")
CHART = OperatorChart(version="1.5.1")
NOT_FOUND = (1, "", "Error: release: not found")
ARCHIVE = b"a chart"
SCRIPT = """#!{python}
import json, os, pathlib, sys, time
here = pathlib.Path({here!r})
word, args = sys.argv[1], sys.argv[1:]
config = pathlib.Path(os.environ["KUBECONFIG"])
told = {{"args": args, "env": dict(os.environ), "config": json.loads(config.read_text()), "mode": config.stat().st_mode}}
with (here / "calls").open("a") as calls:
    calls.write(json.dumps(told) + "\\n")
if word == "pull":
    (pathlib.Path(args[args.index("--destination") + 1]) / "kuberay-operator-1.5.1.tgz").write_bytes({archive!r})
code, out, err = json.loads((here / "answers").read_text()).get(word, [0, "", ""])
if code == "hang":
    (here / "pid").write_text(str(os.getpid()))
    os.fork()
    time.sleep(60)
print(out)
print(err, file=sys.stderr)
sys.exit(code)
"""


@dataclass
class Tokens:
    """Those of EKS."""

    dropped: list[str] = field(default_factory=list)

    def bearer(self, region: str, cluster: str) -> str:
        return f"Bearer k8s-aws-v1.{region}.{cluster}"

    def drop(self, region: str, cluster: str) -> None:
        self.dropped.append(cluster)


class Rig:
    """A helm that answers as it is told, and the adapter over it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.tokens = folder, Tokens()
        self.program = folder / "helm"
        self.program.write_text(SCRIPT.format(python=sys.executable, here=str(folder), archive=ARCHIVE))
        self.program.chmod(0o755)
        self.answers()

    def answers(self, **said: tuple[Any, str, str]) -> None:
        """What each word of helm ends with; without it, the release is not there and the rest succeeds."""
        (self.folder / "answers").write_text(json.dumps({"status": NOT_FOUND, **said}))

    def install(self, chart: OperatorChart = CHART, plane: ControlPlane = PLANE, most_s: float = 20.0) -> None:
        HelmCharts(self.tokens, str(self.program), most_s=most_s).install(plane, chart)

    @property
    def calls(self) -> list[dict[str, Any]]:
        path = self.folder / "calls"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    @property
    def words(self) -> list[str]:
        return [call["args"][0] for call in self.calls]


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    """A helm of this test."""
    return Rig(tmp_path)


def release(status: str, age: timedelta) -> tuple[int, str, str]:
    """What `helm status` says of one that was last worked on so long ago."""
    at = (datetime.now(UTC) - age).isoformat().replace("+00:00", "123Z")  # helm writes nanoseconds
    return 0, json.dumps({"name": "kuberay-operator", "info": {"status": status, "last_deployed": at}}), ""


def test_the_chart_is_fetched_and_installed_under_its_name(rig: Rig) -> None:
    """pull from the repository, status, upgrade --install of what came; nothing is waited for."""
    rig.install()
    pull, status, upgrade = (call["args"] for call in rig.calls)
    assert status == ["status", "kuberay-operator", "--namespace", "kuberay-system", "--output", "json"]
    assert pull[:4] == ["pull", "kuberay-operator", "--version", "1.5.1"]
    assert pull[-2:] == ["--repo", CHART.repository]
    assert upgrade[:3] == ["upgrade", "--install", "kuberay-operator"] and upgrade[3].endswith(
        "kuberay-operator-1.5.1.tgz"
    )
    assert upgrade[4:] == ["--namespace", "kuberay-system", "--create-namespace", "--timeout", "20s"]


def test_it_speaks_to_that_cluster_and_gets_no_secret_of_the_bot(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kubeconfig that only we can read; of the environment the path and the proxy; nothing is left behind."""
    for name in ("SLACK_BOT_TOKEN", "AWS_SECRET_ACCESS_KEY", "KUBECONFIG", "RAYGPU_REDIS_URL"):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    rig.install()
    for call in rig.calls:
        assert "secret" not in call["env"].values() and call["env"]["https_proxy"] == "http://proxy.example:3128"
        assert stat.S_IMODE(call["mode"]) == 0o600
        (cluster,), (user,) = call["config"]["clusters"], call["config"]["users"]
        assert cluster["cluster"] == {"server": "https://eks.example", "certificate-authority-data": "Q0E="}
        assert user["user"] == {"token": "k8s-aws-v1.us-west-2.raygpu-demo-abc23"}
        home = Path(call["env"]["HOME"])
        assert all(Path(call["env"][f"HELM_{kind}_HOME"]).parent == home for kind in ("CACHE", "CONFIG", "DATA"))
        assert not home.exists()


def test_a_chart_on_this_machine_or_in_a_registry(rig: Rig, tmp_path: Path) -> None:
    """A path is installed as it is; an oci:// reference is pulled without --repo."""
    archive = tmp_path / "mine.tgz"
    archive.write_bytes(ARCHIVE)
    rig.install(replace(CHART, reference=str(archive), repository=""))
    assert rig.words == ["status", "upgrade"] and rig.calls[1]["args"][3] == str(archive)
    rig.install(replace(CHART, reference="oci://registry.example/charts/kuberay-operator", repository=""))
    assert rig.words[2:] == ["pull", "status", "upgrade"] and "--repo" not in rig.calls[2]["args"]


def test_a_chart_that_is_not_the_one_of_the_digest_is_not_installed(rig: Rig, tmp_path: Path) -> None:
    """Compared before anything is sent to the cluster; a folder has none."""
    right = f"sha256:{hashlib.sha256(ARCHIVE).hexdigest()}"
    rig.install(replace(CHART, digest=right))
    assert rig.words == ["pull", "status", "upgrade"]
    for chart in (replace(CHART, digest="sha256:" + "0" * 64), OperatorChart(str(tmp_path), "1.5.1", "", right)):
        with pytest.raises(Rejected, match="is not the one of the configuration") as refused:
            rig.install(chart)
        assert refused.value.reason == "ChartDigest" and chart.digest in refused.value.message
    assert rig.words.count("upgrade") == 1


RELEASES = [
    ("deployed", timedelta(days=9), ["pull", "status", "upgrade"]),
    ("failed", timedelta(minutes=6), ["pull", "status", "uninstall", "upgrade"]),
    ("pending-install", timedelta(minutes=6), ["pull", "status", "uninstall", "upgrade"]),
    ("pending-install", timedelta(seconds=30), None),
    ("uninstalling", timedelta(seconds=30), None),
]


@pytest.mark.parametrize(("status", "age", "words"), RELEASES)
def test_a_release_that_was_left_half_made_is_taken_away_first(
    rig: Rig, status: str, age: timedelta, words: list[str] | None
) -> None:
    """Of a helm that was killed; one that somebody works on at this moment is waited for."""
    rig.answers(status=release(status, age))
    if words is None:
        with pytest.raises(Unavailable, match=status) as busy:
            rig.install()
        assert busy.value.reason == "HelmBusy" and rig.words == ["pull", "status"]
        return
    rig.install()
    assert rig.words == words


FAULTS: list[tuple[str, str, type[OutsideError], str]] = [
    ("pull", "Error: chart \"kuberay-operator\" version \"9.9.9\" not found in https://x repository", Rejected, "HelmFailed"),
    ("pull", "Error: looks like \"https://x\" is not a valid chart repository: dial tcp: lookup x: no such host",
     Unavailable, "HelmFailed"),
    ("pull", "Error: failed to fetch https://x/index.yaml : 503 Service Unavailable", Unavailable, "HelmFailed"),
    ("upgrade", "Error: Kubernetes cluster unreachable: Get \"https://eks.example\": dial tcp: i/o timeout", Unavailable,
     "HelmFailed"),
    ("upgrade", "Error: Kubernetes cluster unreachable: the server has asked for the client to provide credentials",
     Unavailable, "Unauthorized"),
    ("status", "Error: query: failed to query with labels: Unauthorized", Unavailable, "Unauthorized"),
    ("upgrade", "Error: secrets is forbidden: User \"bot\" cannot create resource", Denied, "Forbidden"),
    ("upgrade", "Error: INSTALLATION FAILED: rendered manifests contain a resource that exists", Rejected, "HelmFailed"),
    ("upgrade", "", Rejected, "HelmFailed"),
    ("status", "Error: the server is currently unable to handle the request (get secrets)", Unavailable, "HelmFailed"),
    ("upgrade", "Error: etcdserver: leader changed", Unavailable, "HelmFailed"),
    ("upgrade", "Error: Internal error occurred: failed calling webhook", Unavailable, "HelmFailed"),
    ("upgrade", "Error: UPGRADE FAILED: another operation (install/upgrade/rollback) is in progress", Unavailable,
     "HelmBusy"),
    ("upgrade", "Error: admission webhook denied the request: the image is refused", Rejected, "HelmFailed"),
    ("pull", "Error: dial tcp 192.0.2.1:443: connect: no route to host", Unavailable, "HelmFailed"),
    ("pull", "Error: dial tcp: lookup x on 192.0.2.53:53: server misbehaving", Unavailable, "HelmFailed"),
    ("pull", "Error: failed to fetch https://x/kuberay.tgz : 429 Too Many Requests", Unavailable, "HelmFailed"),
    ("pull", "Error: GET https://registry.example/v2/x: response status code 401: Unauthorized", Rejected, "HelmFailed"),
    ("pull", "Error: failed to fetch https://x/kuberay.tgz : 403 Forbidden", Denied, "Forbidden"),
]  # fmt: skip


@pytest.mark.parametrize(("word", "written", "kind", "reason"), FAULTS)
def test_what_helm_fails_with_is_one_of_our_errors(
    rig: Rig, word: str, written: str, kind: type[OutsideError], reason: str
) -> None:
    """With helm's last line, of bounded length; the way there is Unavailable, what cannot pass is Rejected."""
    rig.answers(**{word: (1, "", f"WARNING: something\n{written}")})
    with pytest.raises(OutsideError) as failed:
        rig.install()
    assert (type(failed.value), failed.value.reason) == (kind, reason)
    assert failed.value.message.startswith(f"helm {word} failed: {written.removeprefix('Error: ')[:40]}")
    assert rig.tokens.dropped == ([PLANE.name] if reason == "Unauthorized" else [])


def alive_in(group: str) -> list[str]:
    """The processes of that group that still run; what has ended and was reaped by nobody does not."""
    stats = [path.read_text().rpartition(")")[2].split() for path in Path("/proc").glob("[0-9]*/stat")]
    return [state for state, _, pgrp, *_ in stats if pgrp == group and state not in "ZX"]


def test_a_helm_that_hangs_is_ended_with_all_it_started(rig: Rig) -> None:
    """Unavailable; the call returns though a child of helm holds its pipes open."""
    rig.answers(pull=("hang", "", ""))
    with pytest.raises(Unavailable, match="helm pull took too long") as late:
        rig.install(most_s=1.0)
    assert late.value.reason == "HelmTimedOut"
    assert alive_in((rig.folder / "pid").read_text()) == []


def test_without_helm_or_without_an_api_server(rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sentences; and `find` says whether it is there."""
    with pytest.raises(Unavailable, match="names no API server"):
        rig.install(plane=replace(PLANE, endpoint=""))
    with pytest.raises(Rejected, match="helm cannot be run") as gone:
        HelmCharts(rig.tokens, str(tmp_path / "none")).install(PLANE, CHART)
    assert gone.value.reason == "NoHelm" and rig.calls == []
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin")
    assert find() == str(rig.program)
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert find() is None


@pytest.mark.parametrize("told", ["", "null", "{}", '{"info": {"status": "failed", "last_deployed": "yesterday"}}'])
def test_a_release_that_cannot_be_read_is_left_alone(rig: Rig, told: str) -> None:
    """Nothing is uninstalled on a guess."""
    rig.answers(status=(0, told, ""))
    with pytest.raises(Unavailable, match="cannot be read"):
        rig.install()
    assert rig.words == ["pull", "status"]


def test_of_a_fault_in_lines_all_are_read_and_the_last_is_told(rig: Rig) -> None:
    """Several errors in one; a warning before them means nothing."""
    rig.answers(
        upgrade=(1, "", "WARNING: i/o timeout\nError: 2 errors occurred:\n* secrets is forbidden: x\n* and more")
    )
    with pytest.raises(Denied, match="and more"):
        rig.install()
    rig.answers(upgrade=(1, "", "WARNING: i/o timeout\nError: chart is no chart"))
    with pytest.raises(Rejected, match="is no chart"):
        rig.install()


def test_no_secret_stands_in_a_sentence(rig: Rig) -> None:
    """Neither the token nor a proxy's password, though helm writes them; and 300 characters are enough."""
    token = "k8s-aws-v1.us-west-2.raygpu-demo-abc23"
    rig.answers(upgrade=(1, "", f"Error: {token} over http://me:word@proxy.example:3128 {'x' * 999}"))
    with pytest.raises(Rejected) as failed:
        rig.install()
    assert token not in failed.value.message and "word@" not in failed.value.message
    assert len(failed.value.message) <= 300 + len("helm upgrade failed: ")


def test_a_name_in_a_repository_is_no_folder_of_this_machine(
    rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though one of that name lies where the bot was started."""
    (tmp_path / "kuberay-operator").mkdir()
    monkeypatch.chdir(tmp_path)
    rig.install()
    assert rig.words == ["pull", "status", "upgrade"] and rig.calls[2]["args"][3].endswith(".tgz")
