"""The Price List API: products as AWS describes them, filtered by attribute, each a JSON string with one on-demand term."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from sandbox.world import catalogue
from sandbox.world.call import Call, Handler, Paging, page
from sandbox.world.errors import AwsError

if TYPE_CHECKING:
    from sandbox.world.world import World

_PAGES = Paging("NextToken", "MaxResults", 100, "InvalidNextTokenException")
EFFECTIVE = "2026-07-20T00:00:00Z"


def _product(sku: str, family: str, attributes: Mapping[str, str], unit: str, usd: float) -> dict[str, Any]:
    term, rate = f"{sku}.JRTCKXETXF", f"{sku}.JRTCKXETXF.6YS6EN2CT7"
    return {
        "product": {"productFamily": family, "attributes": dict(attributes), "sku": sku},
        "serviceCode": attributes["servicecode"],
        "terms": {
            "OnDemand": {
                term: {
                    "priceDimensions": {
                        rate: {
                            "unit": unit,
                            "endRange": "Inf",
                            "description": f"${usd:.10f} per {unit}",
                            "appliesTo": [],
                            "rateCode": rate,
                            "beginRange": "0",
                            "pricePerUnit": {"USD": f"{usd:.10f}"},
                        }
                    },
                    "sku": sku,
                    "effectiveDate": EFFECTIVE,
                    "offerTermCode": "JRTCKXETXF",
                    "termAttributes": {},
                }
            }
        },
        "version": "20260720000000",
        "publicationDate": EFFECTIVE,
    }


@cache
def _products(service: str) -> tuple[dict[str, Any], ...]:
    return tuple(_ec2() if service == "AmazonEC2" else _eks())


def _ec2() -> Iterator[dict[str, Any]]:
    for region in catalogue.REGION_FACTOR:
        yield from _instances(region)
        common = {"servicecode": "AmazonEC2", "regionCode": region, "locationType": "AWS Region"}
        volume = {**common, "volumeApiName": "gp3", "volumeType": "General Purpose", "usagetype": "EBS:VolumeUsage.gp3"}
        yield _product(_sku(region, "gp3"), "Storage", volume, "GB-Mo", catalogue.gp3_price(region))
        nat = {**common, "usagetype": "NatGateway-Hours", "group": "NGW:NatGateway"}
        yield _product(_sku(region, "nat"), "NAT Gateway", nat, "Hrs", catalogue.nat_price(region))


def _instances(region: str) -> Iterator[dict[str, Any]]:
    for name, kind in catalogue.instance_types().items():
        usd = catalogue.on_demand_price(region, name)
        if usd is None or name not in catalogue.offerings(region):
            continue
        metal = name.endswith(".metal")
        attributes = {
            "servicecode": "AmazonEC2",
            "regionCode": region,
            "locationType": "AWS Region",
            "instanceType": name,
            "operatingSystem": "Linux",
            "preInstalledSw": "NA",
            "capacitystatus": "Used",
            "tenancy": "Shared",
            "marketoption": "OnDemand",
            "licenseModel": "No License required",
            "vcpu": str(kind.vcpu),
            "memory": f"{kind.memory_gib:g} GiB",
            "usagetype": f"BoxUsage:{name}",
            "operation": "RunInstances",
        }
        family = "Compute Instance (bare metal)" if metal else "Compute Instance"
        yield _product(_sku(region, name), family, attributes, "Hrs", usd)


def _eks() -> Iterator[dict[str, Any]]:
    for region in catalogue.REGION_FACTOR:
        for status, usage in (("STANDARD_SUPPORT", "perCluster"), ("EXTENDED_SUPPORT", "extendedSupport")):
            attributes = {
                "servicecode": "AmazonEKS",
                "regionCode": region,
                "usagetype": f"{region}-AmazonEKS-Hours:{usage}",
                "operation": "CreateOperation" if status == "STANDARD_SUPPORT" else "ExtendedSupport",
            }
            usd = catalogue.EKS_USD_PER_HOUR[status]
            # The extended-support charge comes on top of the standard one.
            extra = usd if status == "STANDARD_SUPPORT" else usd - catalogue.EKS_USD_PER_HOUR["STANDARD_SUPPORT"]
            yield _product(_sku(region, usage), "Compute", attributes, "Hours", round(extra, 6))


def _sku(region: str, item: str) -> str:
    return "".join(c for c in f"{region}{item}".upper() if c.isalnum())


def _passes(product: Mapping[str, Any], row: Mapping[str, str]) -> bool:
    attributes = {**product["product"]["attributes"], "productFamily": product["product"]["productFamily"]}
    have, value, kind = attributes.get(row["Field"]), row["Value"], row["Type"]
    if kind == "NONE_OF":
        return have not in value.split(",")
    if have is None:
        return False
    if kind == "CONTAINS":
        return value in have
    if kind == "ANY_OF":
        return have in value.split(",")
    return bool(have == value)


def get_products(_world: World, call: Call) -> dict[str, Any]:
    """GetProducts of AmazonEC2 and AmazonEKS. `PriceList` holds JSON strings; no match is an empty list."""
    if call.params["ServiceCode"] not in ("AmazonEC2", "AmazonEKS"):
        raise AwsError("InvalidParameterException", "The service code is invalid.", 400)
    filters = call.get("Filters", [])
    rows = [p for p in _products(call.params["ServiceCode"]) if all(_passes(p, row) for row in filters)]
    found, token = page(rows, call, _PAGES)
    return {"FormatVersion": "aws_v1", "PriceList": [json.dumps(p) for p in found], "NextToken": token}


OPERATIONS: dict[str, Handler] = {"GetProducts": get_products}
