"""Kubernetes behind the ports ApiServer, DevicePluginSets and SmokePods: the API servers of EKS clusters.

`wire` speaks HTTPS with EKS tokens; `nodes`, `plugins` and `smoke` say what is asked and read what comes back. They
report and obey; what follows from what they see is decided elsewhere.
"""

from __future__ import annotations

from adapters.kube.nodes import KubeApiServer
from adapters.kube.plugins import KubeDevicePluginSets
from adapters.kube.smoke import KubeSmokePods
from adapters.kube.tokens import EksTokens
from adapters.kube.wire import Call, HttpWire, Wire

__all__ = ["Call", "EksTokens", "HttpWire", "KubeApiServer", "KubeDevicePluginSets", "KubeSmokePods", "Wire"]
