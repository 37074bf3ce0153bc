"""Prices: live when AWS gives exactly one, the last live one when it does not answer, then a dated table, then None."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from aws_rig import AT, REGION, SPEC, Stubs, stubbed

from adapters.prices import FRESH_S, RETRY_S, SPOT_FRESH_S, AwsPrices
from domain.money import Price, quote
from domain.observation import SpotPrice


class Hands:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.at = AT.timestamp()

    def now(self) -> float:
        return self.at


def sku(*usd: str) -> str:
    """A product of the Price List with these rates."""
    dimensions = {str(i): {"unit": "Hrs", "pricePerUnit": {"USD": rate}} for i, rate in enumerate(usd)}
    return json.dumps({"product": {}, "terms": {"OnDemand": {"t": {"priceDimensions": dimensions}}}})


def says(aws: Stubs, *products: str, **more: Any) -> None:
    aws.on("pricing", "us-east-1").add_response("get_products", {"PriceList": [*products], **more})


def fails(aws: Stubs, code: str = "ThrottlingException") -> None:
    aws.on("pricing", "us-east-1").add_client_error("get_products", code)


def test_a_live_price_has_its_source_and_date_and_is_kept_for_a_day() -> None:
    """The second look within a day asks nothing; the one after it asks anew."""
    clock = Hands()
    with stubbed() as aws:
        prices = AwsPrices(aws.session, clock)
        for usd in ("1.0060000000", "0.1000000000", "0.0800000000", "0.0450000000"):
            says(aws, sku(usd))
        found = prices.look_up(REGION, ("g5.xlarge",), None)
        assert found.of("g5.xlarge") == Price("g5.xlarge", 1.006, "hour", "AWS Price List", "2026-11-23")
        assert (found.control_plane.usd, found.storage.usd, found.storage.unit) == (0.1, 0.08, "GB-month")
        assert found.nat is not None and (found.nat.usd, found.nat.unit) == (0.045, "hour")
        clock.at += FRESH_S - 1
        assert prices.look_up(REGION, ("g5.xlarge",), None) == found
        clock.at += 2
        for usd in ("2.0", "0.1", "0.08", "0.045"):
            says(aws, sku(usd))
        assert prices.look_up(REGION, ("g5.xlarge",), None).instances[0].usd == 2.0


def test_the_filters_leave_one_sku() -> None:
    """Linux, shared, On-Demand, nothing pre-installed, in the region; EKS by a part of its usage type."""
    asked: list[dict[str, Any]] = []
    with stubbed() as aws:
        client = aws.session.client("pricing", "us-east-1")
        client.meta.events.register(
            "provide-client-params.pricing.GetProducts", lambda params, **_: asked.append(params)
        )
        for _ in range(4):
            says(aws, sku("1.0"))
        AwsPrices(aws.session, Hands()).look_up("eu-west-1", ("g5.xlarge",), None)
    fields = {row["Field"]: row["Value"] for row in asked[0]["Filters"]}
    assert fields == {
        "regionCode": "eu-west-1",
        "instanceType": "g5.xlarge",
        "operatingSystem": "Linux",
        "preInstalledSw": "NA",
        "licenseModel": "No License required",
        "capacitystatus": "Used",
        "tenancy": "Shared",
        "marketoption": "OnDemand",
        "productFamily": "Compute Instance",
    }
    assert {"Type": "CONTAINS", "Field": "usagetype", "Value": "AmazonEKS-Hours:perCluster"} in asked[1]["Filters"]
    assert [row["ServiceCode"] for row in asked] == ["AmazonEC2", "AmazonEKS", "AmazonEC2", "AmazonEC2"]
    assert {"Type": "CONTAINS", "Field": "usagetype", "Value": "NatGateway-Hours"} in asked[3]["Filters"]


def test_two_skus_or_none_are_no_price() -> None:
    """Rates of 0 are passed over; more than one left, or none, is never a choice: the table speaks, or nobody."""
    with stubbed() as aws:
        prices = AwsPrices(aws.session, Hands())
        says(aws, sku("0.0000000000"), sku("0.0", "1.006"))
        says(aws, sku("1.0"), sku("2.0"))
        says(aws)
        for usd in ("0.1", "0.08", "0.045"):
            says(aws, sku(usd))
        found = prices.look_up(REGION, ("g5.xlarge", "g5.2xlarge", "p5e.48xlarge"), None)
    assert (found.instances[0].usd, found.instances[0].source) == (1.006, "AWS Price List")
    assert (found.instances[1].usd, found.instances[1].as_of) == (1.212, "2026-07-20")
    assert "no single price" in found.instances[1].source
    assert found.instances[2].usd is None and "unknown" in found.instances[2].source


def test_pages_of_products_are_followed() -> None:
    """A second SKU on a second page is seen, and makes the price ambiguous."""
    with stubbed() as aws:
        says(aws, sku("1.0"), NextToken="n")
        says(aws, sku("2.0"))
        for usd in ("0.1", "0.08", "0.045"):
            says(aws, sku(usd))
        found = AwsPrices(aws.session, Hands()).look_up(REGION, ("bogus.1",), None)
    assert found.instances[0].usd is None


def test_a_failing_price_list_never_raises_and_is_not_asked_at_once_again() -> None:
    """The dated table answers and says why; after some minutes AWS is asked again."""
    clock = Hands()
    with stubbed() as aws:
        prices = AwsPrices(aws.session, clock)
        for _ in range(2):
            fails(aws)
        says(aws, "no json")
        says(aws, sku("0.045"))
        found = prices.look_up(REGION, ("g5.xlarge",), None)
        first = found.instances[0]
        assert (first.usd, first.as_of) == (1.006, "2026-07-20") and "Throttled" in first.source
        assert found.control_plane.usd == 0.1
        assert found.storage.usd == 0.08 and "UnreadableAnswer" in found.storage.source
        assert prices.look_up(REGION, ("g5.xlarge",), None) == found
        clock.at += RETRY_S + 1
        for usd in ("1.1", "0.1", "0.08"):
            says(aws, sku(usd))
        assert prices.look_up(REGION, ("g5.xlarge",), None).instances[0].usd == 1.1


def test_the_last_live_price_is_better_than_the_table() -> None:
    """A day-old live price keeps its own date when AWS does not answer any more."""
    clock = Hands()
    with stubbed() as aws:
        prices = AwsPrices(aws.session, clock)
        for usd in ("0.9", "0.1", "0.08", "0.045"):
            says(aws, sku(usd))
        prices.look_up(REGION, ("g5.xlarge",), None)
        clock.at += 2 * FRESH_S
        for _ in range(4):
            fails(aws)
        old = prices.look_up(REGION, ("g5.xlarge",), None).instances[0]
        assert (old.usd, old.as_of) == (0.9, "2026-11-23")
        assert prices.at_hand(REGION, ("g5.xlarge",)).instances[0] == old


def test_at_hand_asks_nobody() -> None:
    """Without any call: the table, dated, or unknown; never another region's price, never 0."""
    with stubbed() as aws:
        aws.on("pricing", "us-east-1")
        prices = AwsPrices(aws.session, Hands())
        here = prices.at_hand(REGION, ("m5.xlarge", "g5.xlarge", "p5e.48xlarge"))
        assert [price.usd for price in here.instances] == [0.192, 1.006, None]
        assert (here.control_plane.usd, here.storage.usd) == (0.1, 0.08)
        assert all(price.as_of and "table" in price.source for price in here.instances[:2])
        far = prices.at_hand("eu-west-1", ("g5.xlarge",))
        assert (far.instances[0].usd, far.control_plane.usd, far.storage.usd) == (None, 0.1, None)
        assert prices.at_hand("cn-north-1", ()).control_plane.usd is None


def test_the_guides_cluster_can_be_quoted_from_the_table() -> None:
    """Default cluster in us-west-2: control plane, m5.xlarge, g5.xlarge and 1280 GB of gp3, about 1.44 USD/h."""
    with stubbed() as aws:
        found = AwsPrices(aws.session, Hands()).at_hand(REGION, ("m5.xlarge", "g5.xlarge"))
    rate = quote(SPEC, found).usd_per_hour
    assert rate is not None and abs(rate - (0.10 + 0.192 + 1.006 + 1280 * 0.08 / 730)) < 1e-9


def _version(aws: Stubs, status: str) -> None:
    row = {"clusterVersion": "1.32", "versionStatus": status}
    aws.says(
        "eks",
        "describe_cluster_versions",
        {"clusterVersions": [row]},
        {"clusterVersions": ["1.32"]},
    )


def test_extended_support_is_added_to_the_control_plane() -> None:
    """A version in extended support costs both lines of AWS's bill; one in standard support only the first."""
    with stubbed() as aws:
        _version(aws, "EXTENDED_SUPPORT")
        for usd in ("0.1", "0.5", "0.08", "0.045"):
            says(aws, sku(usd))
        prices = AwsPrices(aws.session, Hands())
        assert prices.look_up(REGION, (), "1.32").control_plane.usd == 0.6
    with stubbed() as aws:
        _version(aws, "STANDARD_SUPPORT")
        for usd in ("0.1", "0.08", "0.045"):
            says(aws, sku(usd))
        assert AwsPrices(aws.session, Hands()).look_up(REGION, (), "1.32").control_plane.usd == 0.1


def test_an_unknown_support_status_is_an_unknown_price() -> None:
    """Where nobody says which of the two prices holds, the cheaper one is not assumed."""
    with stubbed() as aws:
        aws.fails("eks", "describe_cluster_versions", "AccessDeniedException", status=403)
        for usd in ("0.1", "0.08", "0.045"):
            says(aws, sku(usd))
        found = AwsPrices(aws.session, Hands()).look_up(REGION, (), "1.32")
    assert found.control_plane.usd is None and "unknown" in found.control_plane.source


ZONE = "us-west-2a"
SINCE = AT.timestamp() + 1800


def tells(aws: Stubs, *prices: tuple[float, str], since: float = SINCE, token: str | None = None, **more: Any) -> None:
    """The next call asks for the history of that zone since then; EC2 answers, the newest first."""
    rows = [
        {
            "InstanceType": "g5.xlarge",
            "AvailabilityZone": ZONE,
            "SpotPrice": usd,
            "Timestamp": AT + timedelta(hours=hours),
        }
        for hours, usd in prices
    ]
    asked = {
        "InstanceTypes": ["g5.xlarge"],
        "ProductDescriptions": ["Linux/UNIX"],
        "AvailabilityZone": ZONE,
        "StartTime": datetime.fromtimestamp(since, UTC),
        **more,
    }
    aws.says("ec2", "describe_spot_price_history", {"SpotPriceHistory": rows, "NextToken": token or ""}, asked)


def at(hours: float, usd: float) -> SpotPrice:
    """A price so many hours after AT."""
    return SpotPrice(AT.timestamp() + 3600 * hours, usd)


def test_spot_prices_come_oldest_first_over_all_pages_from_the_one_in_force() -> None:
    """Of the prices before `since` only the last counts."""
    with stubbed() as aws:
        tells(aws, (3, "0.5"), (1, "0.45"), token="n")
        tells(aws, (0.4, "0.4"), (-1, "0.3"), NextToken="n")
        found = AwsPrices(aws.session, Hands()).spot(REGION, ZONE, "g5.xlarge", SINCE)
    assert found == (at(0.4, 0.4), at(1, 0.45), at(3, 0.5))


def test_clusters_of_one_zone_ask_once_and_two_minutes_later_anew() -> None:
    """A later `since` is answered from the same history, an earlier one is not."""
    clock = Hands()
    with stubbed() as aws:
        prices = AwsPrices(aws.session, clock)
        tells(aws, (1, "0.45"), (0, "0.4"))
        assert prices.spot(REGION, ZONE, "g5.xlarge", SINCE) == (at(0, 0.4), at(1, 0.45))
        clock.at += SPOT_FRESH_S - 1
        assert prices.spot(REGION, ZONE, "g5.xlarge", SINCE + 3600) == (at(1, 0.45),)
        tells(aws, (0, "0.4"), since=SINCE - 60)
        assert prices.spot(REGION, ZONE, "g5.xlarge", SINCE - 60) == (at(0, 0.4),)
        clock.at += SPOT_FRESH_S
        tells(aws, (2, "0.6"), (0, "0.4"))
        assert prices.spot(REGION, ZONE, "g5.xlarge", SINCE) == (at(0, 0.4), at(2, 0.6))


def test_an_old_spot_history_does_not_stand_in_for_an_answer() -> None:
    """It may lack a change of price: nothing is told until EC2 answers again."""
    clock = Hands()
    with stubbed() as aws:
        prices = AwsPrices(aws.session, clock)
        tells(aws, (0, "0.4"))
        prices.spot(REGION, ZONE, "g5.xlarge", SINCE)
        clock.at += SPOT_FRESH_S
        aws.fails("ec2", "describe_spot_price_history", "RequestLimitExceeded", status=503)
        tells(aws, (1, "no number"))
        assert prices.spot(REGION, ZONE, "g5.xlarge", SINCE) == prices.spot(REGION, ZONE, "g5.xlarge", SINCE) == ()
        tells(aws)
        assert prices.spot(REGION, ZONE, "g5.xlarge", SINCE) == ()
