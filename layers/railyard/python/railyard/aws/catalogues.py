"""Machine types, where they are offered, what they cost, and the object in which all of that is kept."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

import msgspec

from railyard.aws.errors import translated
from railyard.errors import Gone
from railyard.model.catalogue import Catalogue, InstanceType

_ARCHITECTURES = {"x86_64": "amd64", "arm64": "arm64"}


class InstanceTypes:
    """DescribeInstanceTypes and DescribeInstanceTypeOfferings of one region."""

    def __init__(self, ec2: Any) -> None:
        self._ec2 = ec2

    def all(self) -> list[InstanceType]:
        """List every type that runs amd64 or arm64, without zones and prices."""
        with translated("DescribeInstanceTypes"):
            pages = self._ec2.get_paginator("describe_instance_types").paginate(
                PaginationConfig={"PageSize": 100}
            )
            return [
                made for page in pages for each in page["InstanceTypes"] if (made := _instance_type(each))
            ]

    def zones(self) -> dict[str, tuple[str, ...]]:
        """Return the zones in which each type is offered, sorted."""
        found: dict[str, list[str]] = defaultdict(list)
        with translated("DescribeInstanceTypeOfferings"):
            pages = self._ec2.get_paginator("describe_instance_type_offerings").paginate(
                LocationType="availability-zone", PaginationConfig={"PageSize": 1000}
            )
            for page in pages:
                for offering in page["InstanceTypeOfferings"]:
                    found[offering["InstanceType"]].append(offering["Location"])
        return {name: tuple(sorted(zones)) for name, zones in found.items()}


class Prices:
    """On-demand prices of the Price List API. Source: AWS Price List Query API, GetProducts (2026 model)."""

    def __init__(self, pricing: Any) -> None:
        self._pricing = pricing

    def on_demand(self, region: str) -> dict[str, int]:
        """Return millionths of a USD an hour by type: Linux, shared tenancy, no extra software."""
        wanted = {
            "regionCode": region,
            "operatingSystem": "Linux",
            "tenancy": "Shared",
            "preInstalledSw": "NA",
            "capacitystatus": "Used",
        }
        filters = [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in wanted.items()]
        prices: dict[str, int] = {}
        with translated("GetProducts"):
            pages = self._pricing.get_paginator("get_products").paginate(
                ServiceCode="AmazonEC2", Filters=filters, PaginationConfig={"PageSize": 100}
            )
            for page in pages:
                for text in page["PriceList"]:
                    prices |= _price(json.loads(text))
        return prices


class CatalogueObject:
    """The catalogue as one S3 object: one read gives an allocator everything it chooses from."""

    def __init__(self, s3: Any, bucket: str, key: str) -> None:
        self._s3, self._bucket, self._key = s3, bucket, key
        self._etag = ""
        self._held: Catalogue | None = None

    def write(self, catalogue: Catalogue) -> None:
        """Replace the object."""
        with translated("PutObject"):
            self._s3.put_object(
                Bucket=self._bucket,
                Key=self._key,
                Body=msgspec.json.encode(catalogue),
                ContentType="application/json",
            )

    def read(self) -> Catalogue | None:
        """Return the catalogue, ``None`` before the first refresh."""
        try:
            with translated("GetObject"):
                answer = self._s3.get_object(Bucket=self._bucket, Key=self._key)
        except Gone:
            return None
        if answer["ETag"] != self._etag:
            self._held = msgspec.json.decode(answer["Body"].read(), type=Catalogue)
            self._etag = answer["ETag"]
        return self._held


def _instance_type(each: dict[str, Any]) -> InstanceType | None:
    known = [
        _ARCHITECTURES[name]
        for name in each["ProcessorInfo"]["SupportedArchitectures"]
        if name in _ARCHITECTURES
    ]
    if not known:
        return None
    gpus = each.get("GpuInfo", {}).get("Gpus", [])
    return InstanceType(
        name=each["InstanceType"],
        architecture=known[0],
        vcpus=each["VCpuInfo"]["DefaultVCpus"],
        memory_mib=each["MemoryInfo"]["SizeInMiB"],
        gpus=sum(gpu.get("Count", 0) for gpu in gpus),
        gpu_name=gpus[0].get("Name", "") if gpus else "",
        local_disk_gib=int(each.get("InstanceStorageInfo", {}).get("TotalSizeInGB", 0) / 1.073741824),
        spot="spot" in each.get("SupportedUsageClasses", []),
    )


def _price(product: dict[str, Any]) -> dict[str, int]:
    name = product["product"]["attributes"]["instanceType"]
    for term in product.get("terms", {}).get("OnDemand", {}).values():
        for dimension in term["priceDimensions"].values():
            usd = float(dimension["pricePerUnit"].get("USD", 0))
            if dimension.get("unit") == "Hrs" and usd > 0:
                return {name: round(usd * 1_000_000)}
    return {}
