"""List prices: AWS's Price List, kept for a day; behind it a dated table. A price that nobody knows is None, never 0.

The Price List API is served from few regions and is slow; `at_hand` answers from memory and table alone.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from typing import Any

from adapters.aws_session import AwsSession, pages
from adapters.faults import aws_call
from domain.errors import OutsideError
from domain.money import Price, PriceList
from domain.observation import SpotPrice
from services.ports import Clock

API_REGION = "us-east-1"  # the Price List endpoint; it knows the prices of all commercial regions
FRESH_S = 24 * 3600.0
RETRY_S = 300.0
SPOT_FRESH_S = 120.0
SPOT_PRODUCT = "Linux/UNIX"
LIVE_SOURCE = "AWS Price List"


@dataclass(frozen=True, slots=True)
class _Product:
    """One thing with a price: the filters of GetProducts that leave exactly one SKU with a price above zero."""

    item: str
    unit: str
    service: str
    matches: tuple[tuple[str, str], ...]
    usage: str = ""

    def filters(self, region: str) -> list[dict[str, str]]:
        exact = [("regionCode", region), *self.matches]
        found = [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in exact]
        # The usage type carries a region prefix (USW2-…), so only a part of it can be asked for.
        return [*found, {"Type": "CONTAINS", "Field": "usagetype", "Value": self.usage}] if self.usage else found


CONTROL_PLANE = _Product(
    "EKS control plane", "hour", "AmazonEKS", (("productFamily", "Compute"),), "AmazonEKS-Hours:perCluster"
)
# Extended support is a second line on the bill, on top of the control plane's own.
EXTENDED_SUPPORT = _Product(
    "EKS extended support", "hour", "AmazonEKS", (("productFamily", "Compute"),), "AmazonEKS-Hours:extendedSupport"
)
NAT = _Product("NAT gateway", "hour", "AmazonEC2", (("productFamily", "NAT Gateway"),), "NatGateway-Hours")
GP3 = _Product("gp3", "GB-month", "AmazonEC2", (("productFamily", "Storage"), ("volumeApiName", "gp3")))


def _instance(name: str) -> _Product:
    """Linux, On-Demand, shared tenancy, nothing pre-installed: what an EKS node is."""
    metal = ".metal" in name
    return _Product(
        name,
        "hour",
        "AmazonEC2",
        (
            ("instanceType", name),
            ("operatingSystem", "Linux"),
            ("preInstalledSw", "NA"),
            ("licenseModel", "No License required"),
            ("capacitystatus", "Used"),
            ("tenancy", "Shared"),
            ("marketoption", "OnDemand"),
            ("productFamily", "Compute Instance (bare metal)" if metal else "Compute Instance"),
        ),
    )


@dataclass(frozen=True, slots=True)
class _Known:
    price: Price
    fresh_until: float


@dataclass(frozen=True, slots=True)
class _Spot:
    prices: tuple[SpotPrice, ...]
    since: float
    fresh_until: float


class AwsPrices:
    """Prices by region. No failure of AWS is raised: it shows in the source and the date of the price."""

    def __init__(self, session: AwsSession, clock: Clock) -> None:
        self._session = session
        self._clock = clock
        self._memory: dict[tuple[str, str], _Known] = {}
        self._spot: dict[tuple[str, str, str], _Spot] = {}
        self._support: dict[tuple[str, str], tuple[str, float]] = {}

    def look_up(self, region: str, instance_types: tuple[str, ...], version: str | None) -> PriceList:
        """Live prices where AWS gives exactly one; `version` in extended support adds that to the control plane."""
        return PriceList(
            tuple(self._fresh(region, _instance(name)) for name in instance_types),
            self._control_plane(region, version),
            self._fresh(region, GP3),
            self._fresh(region, NAT),
        )

    def at_hand(self, region: str, instance_types: tuple[str, ...]) -> PriceList:
        """The newest known, however old, without any call; the control plane at standard support."""
        return PriceList(
            tuple(self._kept(region, _instance(name)) for name in instance_types),
            self._kept(region, CONTROL_PLANE),
            self._kept(region, GP3),
            self._kept(region, NAT),
        )

    def spot(self, region: str, zone: str, instance_type: str, since: float) -> tuple[SpotPrice, ...]:
        """The Spot prices of that zone in force from `since` on, oldest first, the first at or before `since`.

        Empty when EC2 does not answer: an older answer lacks the newest changes. Kept for two minutes, so that the
        clusters of one zone ask once.
        """
        now, key = self._clock.now(), (region, zone, instance_type)
        known = self._spot.get(key)
        if known is None or now >= known.fresh_until or since < known.since:
            try:
                known = _Spot(self._ask_spot(key, since), since, now + SPOT_FRESH_S)
            except (OutsideError, ValueError, TypeError):
                return ()
            self._spot[key] = known
        before = [price.at for price in known.prices if price.at <= since]
        return tuple(price for price in known.prices if not before or price.at >= before[-1])

    def _ask_spot(self, key: tuple[str, str, str], since: float) -> tuple[SpotPrice, ...]:
        region, zone, instance_type = key
        with aws_call("ec2:DescribeSpotPriceHistory"):
            found = pages(
                self._session.client("ec2", region),
                "describe_spot_price_history",
                InstanceTypes=[instance_type],
                ProductDescriptions=[SPOT_PRODUCT],
                AvailabilityZone=zone,
                StartTime=datetime.fromtimestamp(since, UTC),
            )
            rows = [raw for page in found for raw in page["SpotPriceHistory"]]
            prices = [SpotPrice(raw["Timestamp"].timestamp(), float(raw["SpotPrice"])) for raw in rows]
        return tuple(sorted(prices, key=lambda price: price.at))

    def _kept(self, region: str, product: _Product) -> Price:
        known = self._memory.get((region, product.item))
        return known.price if known else _from_table(region, product)

    def _fresh(self, region: str, product: _Product) -> Price:
        now, key = self._clock.now(), (region, product.item)
        known = self._memory.get(key)
        if known and now < known.fresh_until:
            return known.price
        try:
            rates = self._ask(region, product)
        except (OutsideError, ValueError, TypeError, AttributeError) as failure:
            # The last live price, though old, is nearer than the table; its date says how old.
            why = failure.reason if isinstance(failure, OutsideError) else "UnreadableAnswer"
            fallback = known.price if known else _from_table(region, product, why)
            self._memory[key] = _Known(fallback, now + RETRY_S)
            return fallback
        if len(rates) == 1:
            today = datetime.fromtimestamp(now, UTC).date().isoformat()
            price = Price(product.item, rates[0], product.unit, LIVE_SOURCE, today)
        else:
            price = _from_table(region, product, "no single price" if rates else "no price")
        self._memory[key] = _Known(price, now + FRESH_S)
        return price

    def _ask(self, region: str, product: _Product) -> list[float]:
        with aws_call("pricing:GetProducts"):
            client = self._session.client("pricing", API_REGION)
            found = pages(
                client,
                "get_products",
                ServiceCode=product.service,
                Filters=product.filters(region),
                FormatVersion="aws_v1",
            )
            return [usd for page in found for raw in page["PriceList"] for usd in _rates(json.loads(raw))]

    def _control_plane(self, region: str, version: str | None) -> Price:
        standard = self._fresh(region, CONTROL_PLANE)
        support = "STANDARD_SUPPORT" if version is None else self._support_of(region, version)
        if support == "STANDARD_SUPPORT":
            return standard
        if support != "EXTENDED_SUPPORT":
            return replace(standard, usd=None, source=f"unknown: no support status of Kubernetes {version}", as_of="")
        extra = self._fresh(region, EXTENDED_SUPPORT)
        known = standard.usd is not None and extra.usd is not None
        both = (standard.usd or 0.0) + (extra.usd or 0.0) if known else None
        return replace(extra, item=standard.item, usd=both)

    def _support_of(self, region: str, version: str) -> str:
        """STANDARD_SUPPORT, EXTENDED_SUPPORT or UNSUPPORTED by DescribeClusterVersions; empty when nobody says."""
        now, key = self._clock.now(), (region, version)
        status, fresh_until = self._support.get(key, ("", 0.0))
        if now < fresh_until:
            return status
        try:
            with aws_call("eks:DescribeClusterVersions"):
                eks = self._session.client("eks", region)
                found = pages(eks, "describe_cluster_versions", clusterVersions=[version])
                rows = [raw for page in found for raw in page["clusterVersions"]]
                said = next((str(raw["versionStatus"]) for raw in rows if raw["clusterVersion"] == version), "")
        except OutsideError:
            return status
        self._support[key] = (said, now + FRESH_S)
        return said


def _rates(product: dict[str, Any]) -> Iterator[float]:
    """The On-Demand rates of one SKU in USD, without those of 0 (free tiers, reservations already paid)."""
    for term in product.get("terms", {}).get("OnDemand", {}).values():
        for dimension in term["priceDimensions"].values():
            usd = float(dimension["pricePerUnit"].get("USD", 0))
            if usd > 0:
                yield usd


def _from_table(region: str, product: _Product, why: str = "") -> Price:
    """What the dated tables say for exactly that region; another region's price would be a guess."""
    row = _table().get((region, product.item))
    if row is None and not region.startswith(("cn-", "us-gov-")):
        row = _table().get(("*", product.item))
    suffix = f"; {LIVE_SOURCE}: {why}" if why else ""
    if row is None:
        return Price(product.item, None, product.unit, f"unknown{suffix}", "")
    usd, as_of, source = row
    return Price(product.item, usd, product.unit, f"dated table ({source}){suffix}", as_of)


@cache
def _table() -> dict[tuple[str, str], tuple[float, str, str]]:
    """(region, item) to (USD, date, source); the region * stands for every commercial one."""
    found: dict[tuple[str, str], tuple[float, str, str]] = {}
    for row in _rows("gpu_instances.csv"):
        for region, column in (("us-east-1", "usd_us_east_1"), ("us-west-2", "usd_us_west_2")):
            if row[column]:
                found[region, row["instance_type"]] = (float(row[column]), row["price_date"], row["source"])
    for row in _rows("list_prices.csv"):
        found[row["region"], row["item"]] = (float(row["usd"]), row["price_date"], row["source"])
    return found


def _rows(name: str) -> list[dict[str, str]]:
    text = resources.files("adapters").joinpath("data", name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
