"""Types, offerings and prices, and the object that keeps them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from local.ec2.pricing import get_products
from railyard.aws.catalogues import CatalogueObject, InstanceTypes, Prices
from railyard.errors import Denied, RailyardError
from tests.bench import REGION, bench
from tests.builders import a_catalogue, a_type
from tests.railyard.aws.stubs import Paginated, Recorder, refused


@pytest.fixture(scope="module")
def ec2() -> Iterator[Paginated]:
    """Our model of EC2, with paginators."""

    def camel(operation: str) -> str:
        return "".join(word.title() for word in operation.split("_"))

    with bench() as stand:
        yield Paginated(lambda operation, asked: stand.ec2.call(REGION, camel(operation), asked))


def test_every_type_is_read_with_what_placement_needs(ec2: Paginated) -> None:
    ec2.pages = 0
    types = {each.name: each for each in InstanceTypes(ec2).all()}
    assert ec2.pages > 1
    assert len(types) > 500
    large = types["m7g.large"]
    assert (large.architecture, large.vcpus, large.memory_mib) == ("arm64", 2, 8192)
    assert {each.architecture for each in types.values()} == {"amd64", "arm64"}
    assert all(each.vcpus and each.memory_mib for each in types.values())
    assert any(each.gpus and each.gpu_name for each in types.values())


def test_zones_are_those_where_a_type_is_offered(ec2: Paginated) -> None:
    zones = InstanceTypes(ec2).zones()
    assert set(zones["m7g.large"]) <= {f"us-east-1{letter}" for letter in "abcdef"}
    assert all(found == tuple(sorted(set(found))) for found in zones.values())


@pytest.mark.parametrize(
    ("architectures", "read"), [(["i386", "x86_64"], "amd64"), (["arm64"], "arm64"), (["arm64_mac"], None)]
)
def test_a_type_that_runs_none_of_our_architectures_is_left_out(
    architectures: list[str], read: str | None
) -> None:
    shown = {
        "InstanceType": "x.large",
        "ProcessorInfo": {"SupportedArchitectures": architectures},
        "VCpuInfo": {"DefaultVCpus": 2},
        "MemoryInfo": {"SizeInMiB": 1024},
        "GpuInfo": {"Gpus": [{"Count": 4, "Name": "L4"}]},
        "InstanceStorageInfo": {"TotalSizeInGB": 118},
        "SupportedUsageClasses": ["on-demand"],
    }
    types = InstanceTypes(Paginated(lambda _, __: {"InstanceTypes": [shown]})).all()
    assert [each.architecture for each in types] == ([read] if read else [])
    for each in types:
        assert (each.gpus, each.gpu_name, each.local_disk_gib, each.spot) == (4, "L4", 109, False)


def test_prices_are_of_used_capacity_and_never_nothing() -> None:
    pricing = Paginated(lambda _, asked: get_products(asked))
    prices = Prices(pricing).on_demand("us-east-1")
    assert pricing.pages > 1
    assert prices["m7i.large"] == 100_800
    assert all(price > 0 for price in prices.values())


def test_a_type_without_an_hourly_price_is_left_out() -> None:
    def product(unit: str, usd: str) -> str:
        rate = {"unit": unit, "pricePerUnit": {"USD": usd}}
        terms = {"OnDemand": {"term": {"priceDimensions": {"rate": rate}}}}
        return json.dumps({"product": {"attributes": {"instanceType": f"{unit}{usd}"}}, "terms": terms})

    listed = [product("Hrs", "0.058"), product("Hrs", "0.0000000000"), product("Quantity", "9")]
    prices = Prices(
        Paginated(
            lambda _, __: {"PriceList": [*listed, '{"product": {"attributes": {"instanceType": "x"}}}']}
        )
    )
    assert prices.on_demand("us-east-1") == {"Hrs0.058": 58_000}


def test_a_price_list_that_fails_is_an_error() -> None:
    def denied(_: str, __: dict[str, Any]) -> dict[str, Any]:
        raise refused("AccessDeniedException")

    with pytest.raises(Denied):
        Prices(Paginated(denied)).on_demand("us-east-1")


def test_the_catalogue_is_read_back_and_decoded_once_for_each_version() -> None:
    with mock_aws():
        s3 = boto3.client("s3", region_name=REGION)
        s3.create_bucket(Bucket="catalogues")
        store = CatalogueObject(s3, "catalogues", "catalogue.json")
        assert store.read() is None
        store.write(a_catalogue())
        first = store.read()
        assert first == a_catalogue()
        assert store.read() is first
        CatalogueObject(s3, "catalogues", "catalogue.json").write(a_catalogue(a_type("c7i.large")))
        newer = store.read()
        assert newer
        assert [each.name for each in newer.types] == ["c7i.large"]


def test_a_catalogue_that_may_not_be_read_is_not_an_absent_one() -> None:
    with pytest.raises(RailyardError):
        CatalogueObject(Recorder(lambda _, __: refused("AccessDenied")), "b", "k").read()
