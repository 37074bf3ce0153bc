"""KubeRay's operator as raygpu installs it: out of one chart, and never over somebody else's."""

from __future__ import annotations

from dataclasses import dataclass

RELEASE = "kuberay-operator"
NAMESPACE = "kuberay-system"


@dataclass(frozen=True, slots=True)
class OperatorChart:
    """The chart: a name within `repository` (https), or without one an oci:// reference, an https:// archive, or a path.

    `digest`: sha256:… of the chart's archive; empty: not checked.
    """

    reference: str = RELEASE
    version: str = "1.5.1"
    repository: str = "https://ray-project.github.io/kuberay-helm/"
    digest: str = ""


@dataclass(frozen=True, slots=True)
class RayOperator:
    """An operator as it stands: where its Deployment is, its image, whether a pod of it is available."""

    namespace: str
    name: str
    image: str
    available: bool
