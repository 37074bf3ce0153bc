"""SSM public parameters: the names and releases of EKS machine images. A name that is not here is an image that is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.world.call import Call, Handler, Paging, page
from sandbox.world.errors import AwsError
from sandbox.world.timeline import utc
from sandbox.world.versions import image_parameters

if TYPE_CHECKING:
    from sandbox.world.world import World

PREFIXES = ("/aws/service/eks/", "/aws/service/bottlerocket/")
_PAGES = Paging("NextToken", "MaxResults", 10, "InvalidNextToken")


def _shape(world: World, region: str, name: str) -> dict[str, Any]:
    return {
        "Name": name,
        "Type": "String",
        "Value": image_parameters()[name],
        "Version": 1,
        "LastModifiedDate": utc(world.started_at),
        "ARN": f"arn:aws:ssm:{region}::parameter{name}",
        "DataType": "text",
    }


def get_parameter(world: World, call: Call) -> dict[str, Any]:
    """GetParameter; ParameterNotFound where that image does not exist."""
    name = call.params["Name"]
    if name not in image_parameters():
        raise AwsError("ParameterNotFound", "", 400)
    return {"Parameter": _shape(world, call.region, name)}


def get_parameters(world: World, call: Call) -> dict[str, Any]:
    """GetParameters: those that exist, and the names of those that do not."""
    names = call.params["Names"]
    known = [name for name in names if name in image_parameters()]
    return {
        "Parameters": [_shape(world, call.region, name) for name in known],
        "InvalidParameters": [name for name in names if name not in known],
    }


def get_parameters_by_path(world: World, call: Call) -> dict[str, Any]:
    """GetParametersByPath, recursive or one level deep."""
    path = call.params["Path"].rstrip("/") + "/"
    names = [n for n in sorted(image_parameters()) if n.startswith(path)]
    if not call.get("Recursive", False):
        names = [n for n in names if "/" not in n[len(path) :]]
    found, token = page([_shape(world, call.region, name) for name in names], call, _PAGES)
    return {"Parameters": found, "NextToken": token}


OPERATIONS: dict[str, Handler] = {
    "GetParameter": get_parameter,
    "GetParameters": get_parameters,
    "GetParametersByPath": get_parameters_by_path,
}
