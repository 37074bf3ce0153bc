"""The adapters that look at clusters and act on them, and which of them the configuration and this machine call for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from adapters import helm
from adapters.aws_session import AwsSession
from adapters.container_insights import ContainerInsightsHistories
from adapters.eks import EksAddons, EksControlPlanes, EksNodeGroups
from adapters.eks_access import EksAccessEntries
from adapters.instances import Ec2Instances
from adapters.kube import (
    EksTokens,
    HttpWire,
    KubeApiServer,
    KubeDevicePluginSets,
    KubeExporterSets,
    KubeGpuPods,
    KubeGpuScrapes,
    KubeRayOperators,
    KubeRays,
    KubeServices,
    KubeSmokePods,
)
from adapters.leftovers import AwsLeftovers
from adapters.prometheus import PrometheusHistories
from bot.config import Config
from domain.rules import Rules
from services.observer import Eyes
from services.ports import GpuHistories


def rules_here(config: Config) -> Rules:
    """The configuration's rules. Where it says nothing of KubeRay, that is installed where helm is on PATH."""
    rules = config.rules()
    if config.kuberay.install is None and helm.find() is None:
        return replace(rules, operator=None)
    return rules


def eyes(session: AwsSession, rules: Rules, now: Callable[[], float]) -> Eyes:
    """The ports of one process over AWS and the clusters' Kubernetes."""
    tokens = EksTokens(session.boto3_session)
    wire, wants_ray = HttpWire(tokens), rules.operator is not None
    return Eyes(
        planes=EksControlPlanes(session),
        groups=EksNodeGroups(session),
        addons=EksAddons(session),
        access=EksAccessEntries(session),
        api=KubeApiServer(wire),
        plugins=KubeDevicePluginSets(wire),
        smoke=KubeSmokePods(wire, now),
        leftovers=AwsLeftovers(session),
        instances=Ec2Instances(session),
        exporters=KubeExporterSets(wire),
        gpu_pods=KubeGpuPods(wire),
        rays=KubeRays(wire),
        scrapes=KubeGpuScrapes(wire, now),
        histories=_histories(session, rules, wire),
        operators=KubeRayOperators(wire) if wants_ray else None,
        charts=helm.HelmCharts(tokens, helm.find() or "helm") if wants_ray else None,
    )


def _histories(session: AwsSession, rules: Rules, wire: HttpWire) -> GpuHistories | None:
    """The metrics store of the configuration, a Prometheus before CloudWatch; none where it names none."""
    idle = rules.idle
    if idle.prometheus:
        return PrometheusHistories(idle.prometheus, KubeServices(wire))
    return ContainerInsightsHistories(session) if idle.container_insights else None
