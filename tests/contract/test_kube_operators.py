"""The port RayOperators over the built-in Kubernetes, through the real adapter."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from kube_doors import CLUSTER, Doors, KubeIsland, in_memory, over_https
from test_kube_port import grow

from adapters.kube import KubeRayOperators
from domain.errors import Unavailable
from domain.operator import RayOperator

IMAGE = "quay.io/kuberay/operator:v1.6.0"


@pytest.fixture(params=[over_https, in_memory], ids=["wire", "memory"])
def doors(request: pytest.FixtureRequest) -> Iterator[Doors]:
    """The real adapter over HTTPS, and without it."""
    with request.param(KubeIsland()) as doors:
        yield doors


def test_whoever_installed_it_it_is_seen_with_its_image(doors: Doors) -> None:
    """None, then one without a node to run on, then one that is available."""
    operators = KubeRayOperators(doors)
    assert operators.read(doors.plane) == ()
    doors.world.faults.inject("ray_installed", cluster=CLUSTER)
    waiting = RayOperator("default", "kuberay-operator", IMAGE, False)
    assert operators.read(doors.plane) == (waiting,)
    grow(doors)
    doors.world.join("i-cpu", "cpu-node-group", "AL2023_x86_64_STANDARD", 0)
    doors.world.after(180)
    assert operators.read(doors.plane) == (replace(waiting, available=True),)
    doors.world.faults.inject("ray_removed", cluster=CLUSTER)
    doors.world.after(30)
    assert operators.read(doors.plane) == ()


def test_other_deployments_are_none(doors: Doors) -> None:
    """CoreDNS is one of those that stand in every cluster."""
    grow(doors)
    doors.world.after(60)
    assert KubeRayOperators(doors).read(doors.plane) == ()


def test_what_cannot_be_read_is_an_error_and_never_none(doors: Doors) -> None:
    """401 of the API server."""
    doors.world.faults.inject("kube_401", cluster=CLUSTER)
    with pytest.raises(Unavailable):
        KubeRayOperators(doors).read(doors.plane)
