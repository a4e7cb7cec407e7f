"""Instance types, offerings, spot and on-demand prices, from the project's tables."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from local.ec2 import pricing
from local.ec2.catalogue import instance_types, on_demand_usd_per_hour
from local.ec2.pricing import PricingError, get_products
from local.ec2.world import ZONES
from tests.local.ec2.builders import World

USED = {"Type": "TERM_MATCH", "Field": "capacitystatus", "Value": "Used"}


def every(world: World, operation: str, member: str, **parameters: Any) -> list[dict[str, Any]]:
    """Return all pages of a call."""
    found: list[dict[str, Any]] = []
    token: dict[str, str] = {}
    while True:
        answer = world.call(operation, **parameters, **token)
        found += answer[member]
        if not answer.get("NextToken"):
            return found
        token = {"NextToken": answer["NextToken"]}


def test_all_types_come_in_pages_of_at_most_100(world: World) -> None:
    types = every(world, "DescribeInstanceTypes", "InstanceTypes", MaxResults=100)
    assert [t["InstanceType"] for t in types] == sorted(instance_types())
    assert len(types) == 1395
    assert world.refused("DescribeInstanceTypes", MaxResults=101) == "InvalidParameterValue"


@pytest.mark.parametrize(
    ("name", "value", "count"),
    [("processor-info.supported-architecture", "arm64", 418), ("current-generation", "true", 1259)],
)
def test_types_are_filtered(world: World, name: str, value: str, count: int) -> None:
    filters = [{"Name": name, "Values": [value]}]
    assert len(every(world, "DescribeInstanceTypes", "InstanceTypes", Filters=filters)) == count


def test_a_type_says_what_a_catalogue_needs(world: World) -> None:
    (found,) = world.call("DescribeInstanceTypes", InstanceTypes=["g5.12xlarge"])["InstanceTypes"]
    assert (found["VCpuInfo"]["DefaultVCpus"], found["MemoryInfo"]["SizeInMiB"]) == (48, 196608)
    assert found["GpuInfo"]["Gpus"][0] == {"Name": "A10G", "Count": 4, "MemoryInfo": {"SizeInMiB": 22888}}
    assert found["InstanceStorageInfo"]["TotalSizeInGB"] == 3800
    assert world.refused("DescribeInstanceTypes", InstanceTypes=["p99.large"]) == "InvalidInstanceType"


def test_some_zones_lack_some_types_and_every_sold_type_has_a_zone(world: World) -> None:
    question = {"LocationType": "availability-zone"}
    zonal = every(world, "DescribeInstanceTypeOfferings", "InstanceTypeOfferings", **question)
    assert (
        0.9 < len(zonal) / (len(ZONES) * len(on_demand_usd_per_hour().keys() & instance_types().keys())) < 1
    )
    regional = every(world, "DescribeInstanceTypeOfferings", "InstanceTypeOfferings")
    assert {o["InstanceType"] for o in regional} == on_demand_usd_per_hour().keys() & instance_types().keys()


def test_spot_now_is_below_on_demand_and_there_is_one_price_a_pool(world: World) -> None:
    question = {"StartTime": world.now, "ProductDescriptions": ["Linux/UNIX"]}
    prices = every(world, "DescribeSpotPriceHistory", "SpotPriceHistory", **question)
    assert all(0 < float(p["SpotPrice"]) < on_demand_usd_per_hour()[p["InstanceType"]] for p in prices)
    assert len({(p["InstanceType"], p["AvailabilityZone"]) for p in prices}) == len(prices) > 7000


def test_spot_prices_change_over_days_and_not_by_the_seed_alone(world: World) -> None:
    question = {"InstanceTypes": ["c7g.large"], "StartTime": world.now - timedelta(days=2)}
    prices = every(world, "DescribeSpotPriceHistory", "SpotPriceHistory", **question)
    zone = [p["SpotPrice"] for p in prices if p["AvailabilityZone"].endswith("a")]
    assert len(zone) == 9
    assert len(set(zone)) > 1
    assert every(World(), "DescribeSpotPriceHistory", "SpotPriceHistory", **question) == prices


def test_the_price_list_answers_by_type_in_pages() -> None:
    one = get_products(
        {
            "ServiceCode": "AmazonEC2",
            "Filters": [USED, {"Type": "TERM_MATCH", "Field": "instanceType", "Value": "c7g.large"}],
        }
    )
    (item,) = map(json.loads, one["PriceList"])
    (term,) = item["terms"]["OnDemand"].values()
    (dimension,) = term["priceDimensions"].values()
    assert float(dimension["pricePerUnit"]["USD"]) == 0.0725
    found: list[str] = []
    token: dict[str, str] = {}
    while True:
        page = get_products({"ServiceCode": "AmazonEC2", "Filters": [USED], **token})
        found += [json.loads(text)["product"]["attributes"]["instanceType"] for text in page["PriceList"]]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert len(found) == len(set(found)) == len(on_demand_usd_per_hour().keys() & instance_types().keys())


def test_a_price_list_without_a_capacity_filter_has_free_machines_in_it() -> None:
    filters = [{"Type": "TERM_MATCH", "Field": "instanceType", "Value": "c7g.large"}]
    texts = get_products({"ServiceCode": "AmazonEC2", "Filters": filters})["PriceList"]
    assert len(texts) == 3
    assert sum('"USD": "0.0000000000"' in text for text in texts) == 2


@pytest.mark.parametrize(
    "parameters", [{"ServiceCode": "AmazonS3"}, {"ServiceCode": "AmazonEC2", "MaxResults": 101}]
)
def test_the_price_list_refuses_what_it_does_not_hold(parameters: dict[str, Any]) -> None:
    with pytest.raises(PricingError):
        get_products(parameters)
    assert pricing.respond(headers={"X-Amz-Target": "Other"}, body=b"{}")[0] == 400
