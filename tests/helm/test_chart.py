"""The chart's promises, read from what the real helm renders."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from chart_rig import CHART, LEAST, ChartRefused, Helm, Rendered
from kube_shape import strange_fields

from bot.settings import read

Render = Callable[..., Rendered]

REDIS = {"url": "redis://redis.example:6379/0"}
HTTP = {"mode": "http"}
SPLIT = {"mode": "split", "redis": REDIS}
PARTS = {"raygpu-web": "web", "raygpu-worker": "worker", "raygpu-scheduler": "scheduler"}
EVERYTHING = {
    **SPLIT,
    "slack": HTTP,
    "config": {"approvers": ["U0BOB"]},
    "image": {"digest": "sha256:" + "a" * 64},
    "imagePullSecrets": [{"name": "pull"}],
    "ingress": {
        "enabled": True,
        "className": "alb",
        "host": "raygpu.example",
        "tls": [{"hosts": ["raygpu.example"], "secretName": "cert"}],
    },
    "networkPolicy": {"ingressFrom": [{"namespaceSelector": {}}], "extraEgress": [{"ports": [{"port": 3128}]}]},
    "serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/raygpu"}},
    "serviceMonitor": {"enabled": True},
    "security": {"hostUsers": False},
    "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy.example:3128"}],
    "extraVolumes": [{"name": "ca", "configMap": {"name": "ca"}}],
    "extraVolumeMounts": [{"name": "ca", "mountPath": "/ca"}],
    "podAnnotations": {"a": "b"},
    "podLabels": {"c": "d"},
    "nodeSelector": {"kubernetes.io/arch": "amd64"},
    "tolerations": [{"key": "dedicated", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
    "priorityClassName": "high",
}


def test_lint_finds_nothing(helm: Helm) -> None:
    """`helm lint --strict` is clean with the values as they ship, and with all of them set."""
    for text in ("{}", yaml.safe_dump(EVERYTHING)):
        done = helm.run("lint", "--strict", str(CHART), "--values", "-", stdin=text)
        assert done.returncode == 0, done.stdout + done.stderr
        assert not re.search(r"\[(WARNING|ERROR)\]", done.stdout)


def test_a_plain_install_is_one_pod_with_its_volume(render: Render) -> None:
    """Without a Redis and over Socket Mode nothing takes requests, and the records lie on a volume that outlives helm."""
    chart = render()
    assert chart.kinds() == {"ServiceAccount", "ConfigMap", "PersistentVolumeClaim", "Deployment", "NetworkPolicy"}
    deployment = chart.one("Deployment")["spec"]
    assert (deployment["replicas"], deployment["strategy"]) == (1, {"type": "Recreate"})
    assert chart.container()["args"] == ["run"]
    claim = chart.one("PersistentVolumeClaim", "raygpu-data")
    assert claim["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert {"name": "data", "persistentVolumeClaim": {"claimName": "raygpu-data"}} in chart.pod()["volumes"]
    assert {"name": "data", "mountPath": chart.env()["RAYGPU_DATA_DIR"]} in chart.container()["volumeMounts"]


def test_a_given_claim_is_used_and_none_is_made(render: Render) -> None:
    """persistence.existingClaim replaces the chart's own volume."""
    chart = render(persistence={"existingClaim": "mine"})
    assert "PersistentVolumeClaim" not in chart.kinds()
    assert {"name": "data", "persistentVolumeClaim": {"claimName": "mine"}} in chart.pod()["volumes"]


@pytest.mark.parametrize("redis", [REDIS, {"existingSecret": "redis-address"}], ids=["url", "secret"])
def test_with_a_redis_there_is_no_volume_and_pods_roll(render: Render, redis: dict[str, str]) -> None:
    """An own Redis, by address or by Secret, takes the volume away and allows replicas."""
    chart = render(redis=redis, run={"replicas": 3})
    assert "PersistentVolumeClaim" not in chart.kinds()
    assert "data" not in [volume["name"] for volume in chart.pod()["volumes"]]
    deployment = chart.one("Deployment")["spec"]
    assert (deployment["replicas"], deployment["strategy"]["type"]) == (3, "RollingUpdate")
    assert deployment["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


def test_split_is_the_same_image_in_three_deployments(render: Render) -> None:
    """Each part runs its own command, selects its own pods, and has its own budget against evictions."""
    chart = render(**SPLIT, slack=HTTP)
    assert chart.names("Deployment") == sorted(PARTS)
    assert chart.names("PodDisruptionBudget") == sorted(PARTS)
    for name, part in PARTS.items():
        spec = chart.one("Deployment", name)["spec"]
        assert chart.container(name)["args"] == [part]
        selector = spec["selector"]["matchLabels"]
        assert selector["app.kubernetes.io/component"] == part
        assert selector.items() <= spec["template"]["metadata"]["labels"].items()
        assert chart.one("PodDisruptionBudget", name)["spec"]["selector"]["matchLabels"] == selector
    assert chart.one("Service")["spec"]["selector"]["app.kubernetes.io/component"] == "web"


def test_one_replica_has_no_budget_and_is_not_spread(render: Render) -> None:
    """A budget for a single pod would only stop a node from being drained; two pods get both."""
    one, two = render(redis=REDIS), render(redis=REDIS, run={"replicas": 2})
    assert "PodDisruptionBudget" not in one.kinds()
    assert "topologySpreadConstraints" not in one.pod()
    assert two.one("PodDisruptionBudget")["spec"]["maxUnavailable"] == 1
    spread = two.pod()["topologySpreadConstraints"]
    assert [each["topologyKey"] for each in spread] == ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]


@pytest.mark.parametrize("values", [{}, EVERYTHING], ids=["plain", "everything"])
def test_every_pod_meets_the_restricted_standard(render: Render, values: dict[str, Any]) -> None:
    """What Kubernetes' Pod Security Standard `restricted` asks for, and a root file system that cannot be written."""
    chart = render(**values)
    for name in chart.names("Deployment"):
        pod, container = chart.pod(name), chart.container(name)
        security = pod["securityContext"]
        assert security["runAsNonRoot"] is True
        assert security["runAsUser"] >= 1
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert pod["automountServiceAccountToken"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
        assert "/tmp" in [mount["mountPath"] for mount in container["volumeMounts"]]
        kinds = {next(iter(volume.keys() - {"name"})) for volume in pod["volumes"]}
        assert kinds <= {"configMap", "emptyDir", "projected", "persistentVolumeClaim"}


@pytest.mark.parametrize("values", [{}, EVERYTHING], ids=["plain", "everything"])
def test_every_field_is_one_of_kubernetes(render: Render, values: dict[str, Any]) -> None:
    """A mistyped field would be dropped in silence by the API server."""
    for manifest in render(**values).manifests:
        if manifest["kind"] != "ServiceMonitor":
            assert strange_fields(manifest) == []
            assert manifest["metadata"]["namespace"] == "raygpu"
    assert strange_fields({"kind": "Deployment", "spec": {"template": {"spec": {"containers": [{"arg": []}]}}}}) == [
        "spec.template.spec.containers.0.arg"
    ]


@pytest.mark.parametrize(
    ("slack", "files"),
    [
        ({"mode": "socket"}, {"SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"}),
        (HTTP, {"SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET"}),
    ],
    ids=["socket", "http"],
)
def test_the_bot_starts_with_what_the_pod_gives_it(
    render: Render, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, slack: dict[str, str], files: set[str]
) -> None:
    """The rendered environment, with the mounted files in their places, is read without a fault, and says the right mode."""
    config = {"approvers": ["U0BOB"], "limits": {"max_nodes": 3}}
    chart = render(slack=slack, redis={"existingSecret": "redis-address"}, config=config)
    assert mounted(chart) == files | {"RAYGPU_REDIS_URL"}
    for name in mounted(chart):
        (tmp_path / name).write_text(f"content of {name}\n")
    (tmp_path / "config.yaml").write_text(chart.one("ConfigMap", "raygpu-config")["data"]["config.yaml"])
    for name, value in chart.env().items():
        held = re.sub(r"^(/var/run/secrets|/etc)/raygpu", str(tmp_path), value)
        monkeypatch.setenv(name, held)
    settings = read()
    assert settings.socket_mode is (slack["mode"] == "socket")
    assert settings.bot_token == "content of SLACK_BOT_TOKEN"
    assert settings.redis_url == "content of RAYGPU_REDIS_URL"
    assert (settings.config.approvers, settings.config.limits.max_nodes) == ({"U0BOB"}, 3)
    assert chart.container()["ports"][0]["containerPort"] == settings.http_port


def mounted(chart: Rendered) -> set[str]:
    """The names of the files that come from Secrets."""
    (secrets,) = [volume["projected"] for volume in chart.pod()["volumes"] if volume["name"] == "secrets"]
    return {item["path"] for source in secrets["sources"] for item in source["secret"]["items"]}


def test_no_secret_stands_in_a_manifest(render: Render) -> None:
    """There is no Secret object and no variable that holds a token: files only, by reference."""
    for values in ({}, EVERYTHING, {"redis": {"existingSecret": "redis-address"}}):
        chart = render(**values)
        assert "Secret" not in chart.kinds()
        assert not re.search(r"xox[abp]-|xapp-", chart.text)
        for name in chart.names("Deployment"):
            held = {key for key in chart.env(name) if re.search("TOKEN|SECRET|PASSWORD", key)}
            assert held
            assert all(key.endswith("_FILE") for key in held)


def test_only_slacks_path_is_opened_to_the_outside(render: Render) -> None:
    """The Ingress leads to /slack/events; metrics and probes stay inside."""
    chart = render(slack=HTTP, ingress={"enabled": True, "host": "raygpu.example"})
    (rule,) = chart.one("Ingress")["spec"]["rules"]
    (path,) = rule["http"]["paths"]
    assert (rule["host"], path["path"], path["pathType"]) == ("raygpu.example", "/slack/events", "Exact")
    backend = path["backend"]["service"]
    service = chart.one("Service")
    assert backend["name"] == service["metadata"]["name"]
    assert backend["port"]["name"] in [port["name"] for port in service["spec"]["ports"]]
    selector, labels = service["spec"]["selector"], chart.one("Deployment")["spec"]["template"]["metadata"]["labels"]
    assert selector.items() <= labels.items()


@pytest.mark.parametrize(
    ("values", "ports"),
    [({}, [53, 443, 80]), ({"redis": REDIS}, [53, 443, 80, 6379])],
    ids=["embedded", "redis"],
)
def test_the_network_policy_names_what_the_bot_speaks_to(
    render: Render, values: dict[str, Any], ports: list[int]
) -> None:
    """In: the HTTP port. Out: DNS, TLS, the Pod Identity agent alone on port 80, and Redis where there is one."""
    policy = render(**values).one("NetworkPolicy")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert policy["ingress"] == [{"ports": [{"port": 3000, "protocol": "TCP"}]}]
    assert [rule["ports"][0]["port"] for rule in policy["egress"]] == ports
    (agent,) = [rule["to"] for rule in policy["egress"] if rule["ports"][0]["port"] == 80]
    assert agent == [{"ipBlock": {"cidr": "169.254.170.23/32"}}]


def test_the_pod_is_stopped_and_probed_as_the_bot_needs_it(render: Render) -> None:
    """Liveness asks the loops and never Redis; the grace is longer than the bot's own 25 seconds."""
    chart = render()
    container = chart.container()
    paths = {probe: container[probe]["httpGet"]["path"] for probe in container if probe.endswith("Probe")}
    assert paths == {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}
    assert chart.pod()["terminationGracePeriodSeconds"] >= 45
    assert "memory" in container["resources"]["limits"]


def test_another_configuration_makes_other_pods(render: Render) -> None:
    """The checksum changes with the configuration and with nothing else, so pods restart when they must."""

    def checksum(**values: Any) -> str:
        template = render(**values).one("Deployment")["spec"]["template"]
        return str(template["metadata"]["annotations"]["checksum/config"])

    assert checksum(config={"admins": ["U1"]}) != checksum()
    assert checksum(podLabels={"a": "b"}) == checksum()


def test_a_service_account_carries_a_role_and_no_token(render: Render) -> None:
    """IRSA's annotation arrives; this cluster's token is not mounted."""
    account = render(**EVERYTHING).one("ServiceAccount")
    assert account["metadata"]["annotations"] == EVERYTHING["serviceAccount"]["annotations"]
    assert account["automountServiceAccountToken"] is False


def test_pods_go_where_they_are_told(render: Render) -> None:
    """Placement values arrive in the pods of every part, and pod labels never displace a selector's."""
    chart = render(**EVERYTHING | {"podLabels": {"c": "d", "app.kubernetes.io/component": "mine"}})
    for name, part in PARTS.items():
        pod = chart.pod(name)
        for key in ("nodeSelector", "tolerations", "affinity"):
            assert pod[key] == EVERYTHING[key]
        labels = chart.one("Deployment", name)["spec"]["template"]["metadata"]["labels"]
        assert (labels["c"], labels["app.kubernetes.io/component"]) == ("d", part)


def test_figures_are_scraped_from_every_part(render: Render) -> None:
    """The ServiceMonitor finds its own Service, which selects the pods of all parts, in Socket Mode too."""
    chart = render(**SPLIT, serviceMonitor={"enabled": True})
    service = chart.one("Service", "raygpu-metrics")
    wanted = chart.one("ServiceMonitor")["spec"]["selector"]["matchLabels"]
    assert wanted.items() <= service["metadata"]["labels"].items()
    for name in PARTS:
        labels = chart.one("Deployment", name)["spec"]["template"]["metadata"]["labels"]
        assert service["spec"]["selector"].items() <= labels.items()


def test_an_image_goes_by_its_digest(render: Render) -> None:
    """A digest goes before a tag; without both it is the chart's own version."""
    digest = "sha256:" + "0" * 64
    assert render().container()["image"] == "registry.example/raygpu:0.1.0"
    assert render(image={"tag": "main"}).container()["image"] == "registry.example/raygpu:main"
    assert render(image={"tag": "main", "digest": digest}).container()["image"] == f"registry.example/raygpu@{digest}"


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"image": {"repository": ""}}, "image.repository is empty"),
        ({"slack": {"existingSecret": ""}}, "slack.existingSecret is empty"),
        ({"mode": "split"}, "mode split needs a Redis"),
        ({"run": {"replicas": 2}}, "the embedded Valkey serves one pod"),
        ({"redis": {"url": "redis://:hunter2@redis:6379/0"}}, "redis.url carries a password"),
        ({"redis": {**REDIS, "existingSecret": "both"}}, "are both set"),
        ({"config": {"admins": []}, "existingConfigMap": "both"}, "are both set"),
        ({"ingress": {"enabled": True, "host": "a.example"}}, "in Socket Mode nothing comes in"),
        ({"slack": HTTP, "ingress": {"enabled": True}}, "ingress.host is empty"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_does_not_go_together_is_refused(render: Render, values: dict[str, Any], sentence: str) -> None:
    """With a sentence that names the value; nothing is rendered."""
    with pytest.raises(ChartRefused, match=re.escape(sentence)):
        render(**values)


@pytest.mark.parametrize(
    "values",
    [
        {"replicas": 2},
        {"slack": {"botToken": "xoxb-1"}},
        {"run": {"replica": 1}},
        {"mode": "all"},
        {"run": {"replicas": 0}},
        {"run": {"replicas": "two"}},
        {"image": {"digest": "sha256:abc"}},
        {"redis": {"url": "http://redis.example"}},
        {"security": {"runAsUser": 0}},
        {"terminationGracePeriodSeconds": 10},
        {"persistence": {"size": "a lot"}},
        {"extraEnv": [{"name": "SLACK_BOT_TOKEN", "value": "xoxb-1"}]},
        {"extraEnv": [{"name": "AWS_SECRET_ACCESS_KEY", "value": "k"}]},
        {"networkPolicy": {"redisPort": 70000}},
    ],
    ids=str,
)
def test_the_schema_refuses_what_it_does_not_know(render: Render, values: dict[str, Any]) -> None:
    """Unknown keys, wrong types, values out of range, and tokens where none belong."""
    with pytest.raises(ChartRefused, match="values don't meet the specifications of the schema"):
        render(**values)


def test_the_notes_say_what_is_left_to_do(helm: Helm) -> None:
    """After an install a person reads how to make the Secret, and that nobody can approve yet."""
    done: subprocess.CompletedProcess[str] = helm.run(
        "install", "raygpu", str(CHART), "--dry-run=client", "--values", "-", stdin=yaml.safe_dump(LEAST)
    )
    assert done.returncode == 0, done.stderr
    notes = done.stdout.partition("NOTES:")[2]
    assert "create secret generic raygpu-slack" in notes
    assert "--from-file=SLACK_APP_TOKEN=" in notes
    assert "config.approvers is empty" in notes
