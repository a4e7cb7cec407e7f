"""The Price List API from the project's price table: GetProducts of AmazonEC2, Linux, us-east-1.

As in the real list, every type appears three times: used capacity at its price, and two kinds of reserved
capacity at zero. Who does not filter on ``capacitystatus`` gets machines for nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import islice
from typing import Any

from local.ec2.catalogue import InstanceType, instance_types, on_demand_usd_per_hour

TARGET = "AWSPriceListService.GetProducts"
PUBLISHED = "2026-07-20T00:00:00Z"
LARGEST_PAGE = 100
CAPACITY_STATUS = ("Used", "UnusedCapacityReservation", "AllocatedCapacityReservation")
_OFFER_TERM, _RATE = "JRTCKXETXF", "6YS6EN2CT7"


class PricingError(Exception):
    """What the Price List API answers instead of a result."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def respond(*, headers: Mapping[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
    """Answer one HTTP request of the JSON 1.1 protocol."""
    content = {"Content-Type": "application/x-amz-json-1.1"}
    target = headers.get("X-Amz-Target") or headers.get("x-amz-target") or ""
    try:
        if target != TARGET:
            raise PricingError("UnknownOperationException", f"{target} is not answered here")
        return 200, content, json.dumps(get_products(json.loads(body))).encode()
    except PricingError as error:
        return 400, content, json.dumps({"__type": error.code, "message": error.message}).encode()


def get_products(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return one page of products that match every filter; an attribute that nothing has matches nothing.

    Raises:
        PricingError: another service, format, filter type or page size than this list has.
    """
    if parameters.get("ServiceCode") != "AmazonEC2":
        raise PricingError("NotFoundException", f"no products of {parameters.get('ServiceCode')} here")
    if parameters.get("FormatVersion", "aws_v1") != "aws_v1":
        raise PricingError("InvalidParameterException", "FormatVersion is aws_v1")
    limit = int(parameters.get("MaxResults", LARGEST_PAGE))
    if not 1 <= limit <= LARGEST_PAGE:
        raise PricingError("InvalidParameterException", f"MaxResults is 1 to {LARGEST_PAGE}")
    start = _start(parameters.get("NextToken"))
    found = list(islice(_matching(parameters.get("Filters", ())), start, start + limit + 1))
    token = {"NextToken": f"page-{start + limit}"} if len(found) > limit else {}
    return {"FormatVersion": "aws_v1", "PriceList": [_item(p) for p in found[:limit]], **token}


def _start(token: str | None) -> int:
    if not token:
        return 0
    word, _, start = token.partition("-")
    if word != "page" or not start.isdecimal():
        raise PricingError("InvalidNextTokenException", "the token is not valid")
    return int(start)


def _matching(filters: Iterable[Mapping[str, str]]) -> Iterator[dict[str, str]]:
    wanted: list[tuple[str, str]] = []
    for one in filters:
        if one.get("Type") not in ("TERM_MATCH", "EQUALS"):
            raise PricingError(
                "InvalidParameterException", f"filter type {one.get('Type')} is not answered here"
            )
        wanted.append((one["Field"], one["Value"]))
    return (p for p in _products() if all(p.get(field) == value for field, value in wanted))


@cache
def _products() -> tuple[dict[str, str], ...]:
    return tuple(
        _attributes(kind, status)
        for name, kind in instance_types().items()
        if name in on_demand_usd_per_hour()
        for status in CAPACITY_STATUS
    )


def _attributes(kind: InstanceType, status: str) -> dict[str, str]:
    prefix = {"Used": "BoxUsage", "UnusedCapacityReservation": "UnusedBox"}.get(status, "Reservation")
    return {
        "servicecode": "AmazonEC2",
        "productFamily": "Compute Instance",
        "instanceType": kind.name,
        "location": "US East (N. Virginia)",
        "locationType": "AWS Region",
        "regionCode": "us-east-1",
        "operatingSystem": "Linux",
        "tenancy": "Shared",
        "preInstalledSw": "NA",
        "licenseModel": "No License required",
        "capacitystatus": status,
        "operation": "RunInstances",
        "marketoption": "OnDemand",
        "usagetype": f"{prefix}:{kind.name}",
        "vcpu": kind.row["vcpu"],
        "memory": f"{int(kind.row['mem_mib']) / 1024:g} GiB",
        "currentGeneration": "Yes" if kind.row["current_generation"] == "1" else "No",
    }


def _item(product: Mapping[str, str]) -> str:
    """Return one product and its on-demand term as the JSON text that a price list holds."""
    sku = hashlib.sha256(product["usagetype"].encode()).hexdigest()[:16].upper()
    used = product["capacitystatus"] == "Used"
    usd = on_demand_usd_per_hour()[product["instanceType"]] if used else 0.0
    rate = f"{sku}.{_OFFER_TERM}.{_RATE}"
    dimension = {
        "rateCode": rate,
        "unit": "Hrs",
        "beginRange": "0",
        "endRange": "Inf",
        "appliesTo": [],
        "description": f"${usd:g} per On Demand Linux {product['instanceType']} Instance Hour",
        "pricePerUnit": {"USD": f"{usd:.10f}"},
    }
    term = {
        "sku": sku,
        "offerTermCode": _OFFER_TERM,
        "effectiveDate": PUBLISHED,
        "priceDimensions": {rate: dimension},
        "termAttributes": {},
    }
    attributes = {k: v for k, v in product.items() if k != "productFamily"}
    item = {
        "product": {"productFamily": product["productFamily"], "attributes": attributes, "sku": sku},
        "serviceCode": "AmazonEC2",
        "terms": {"OnDemand": {f"{sku}.{_OFFER_TERM}": term}},
        "version": PUBLISHED,
        "publicationDate": PUBLISHED,
    }
    return json.dumps(item)
