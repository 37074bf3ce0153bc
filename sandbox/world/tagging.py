"""The Resource Groups Tagging API: everything with a tag, EKS and EC2 alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sandbox.world.call import Call, Handler, Paging, page

if TYPE_CHECKING:
    from sandbox.world.world import World

_PAGES = Paging("PaginationToken", "ResourcesPerPage", 50, "PaginationTokenExpiredException")


def get_resources(world: World, call: Call) -> dict[str, Any]:
    """GetResources by tag filters (all of them, any value of each) and by type such as "eks:cluster"."""
    filters, types = call.get("TagFilters", []), call.get("ResourceTypeFilters", [])
    named = call.get("ResourceARNList")
    rows = [
        {"ResourceARN": arn, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
        for arn, tags in world.tagged(call.region)
        if tags
        and (named is None or arn in named)
        and (not types or any(_is_type(arn, kind) for kind in types))
        and all(_passes(tags, row) for row in filters)
    ]
    found, token = page(rows, call, _PAGES)
    return {"ResourceTagMappingList": found, "PaginationToken": token or ""}


def _is_type(arn: str, kind: str) -> bool:
    service, _, resource = kind.partition(":")
    _, _, arn_service, _, _, rest = arn.split(":", 5)
    return arn_service == service and (not resource or rest.split("/")[0].split(":")[0] == resource)


def _passes(tags: Mapping[str, str], row: Mapping[str, Any]) -> bool:
    key, values = str(row.get("Key")), row.get("Values") or []
    return key in tags and (not values or tags[key] in values)


OPERATIONS: dict[str, Handler] = {"GetResources": get_resources}
