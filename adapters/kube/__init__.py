"""Kubernetes behind its ports: the API servers of EKS clusters, and through their proxy what runs in the clusters.

`wire` speaks HTTPS with EKS tokens; the other files say what is asked and read what comes back. They report and obey;
what follows from what they see is decided elsewhere.
"""

from __future__ import annotations

from adapters.kube.exporter import KubeExporterSets
from adapters.kube.gpu_pods import KubeGpuPods
from adapters.kube.nodes import KubeApiServer
from adapters.kube.operators import KubeRayOperators
from adapters.kube.plugins import KubeDevicePluginSets
from adapters.kube.ray import KubeRays
from adapters.kube.scrapes import KubeGpuScrapes
from adapters.kube.services import KubeServices
from adapters.kube.smoke import KubeSmokePods
from adapters.kube.tokens import EksTokens
from adapters.kube.wire import Call, HttpWire, Wire

__all__ = [
    "Call",
    "EksTokens",
    "HttpWire",
    "KubeApiServer",
    "KubeDevicePluginSets",
    "KubeExporterSets",
    "KubeGpuPods",
    "KubeGpuScrapes",
    "KubeRayOperators",
    "KubeRays",
    "KubeServices",
    "KubeSmokePods",
    "Wire",
]
