"""Pools through the API: every defect at once, over what was read, and never one of a deployment's."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pytest
from moto import mock_aws

from railyard.aws.tables.pools import Pools
from railyard.aws.tables.writes import commit, put
from railyard.errors import Conflict, Throttled
from railyard.model.ami_sets import Deployment, Follow
from railyard.model.catalogue import Catalogue
from railyard.model.images import Image
from railyard.model.ledger import Known
from railyard.model.networks import Defaults, Network, Subnet
from railyard.model.pools import Pool
from serve_api.calls import Answer, Asked
from serve_api.pools import PoolPorts, Rules, delete_pool, pool_view, put_pool
from tests.builders import NOW, a_catalogue, a_pool, a_type
from tests.railyard.aws.stubs import a_table

A, B, C = "subnet-0000000a", "subnet-0000000b", "subnet-0000000c"
NETWORK = Network(
    (
        Subnet(subnet_id=A, zone="us-east-1a", vpc_id="vpc-1", default=True),
        Subnet(subnet_id=B, zone="us-east-1b", vpc_id="vpc-1", default=True),
        Subnet(subnet_id=C, zone="us-east-1a", vpc_id="vpc-2", default=False),
    ),
    {"sg-00000001": "vpc-1", "sg-00000002": "vpc-2"},
)
RULES = Rules(defaults=Defaults(security_groups=("sg-00000001",), instance_profile="arn:node"))
BY_ID = replace(RULES, image_ids_allowed=True)
GOOD, WRONG = "ami-0000000a", "ami-0000000b"


def an_image(image_id: str, architecture: str) -> Image:
    return Image(
        image_id=image_id, region="us-east-1", name="n", owner="1", architecture=architecture,
        virtualization="hvm", root_device="ebs", state="available", public=False,
    )  # fmt: skip


class Racing(Pools):
    """The table; of *races* one happens before each write. *writes* counts those that succeeded."""

    def __init__(self, dynamodb: Any) -> None:
        super().__init__(dynamodb, "pools")
        self.races: list[Callable[[], object]] = []
        self.writes = 0

    def write(self, seen: Pool | None, shall: Pool | None) -> None:
        if self.races:
            self.races.pop(0)()
        super().write(seen, shall)
        self.writes += 1


@dataclass
class Yard:
    """The pools of a stage behind the API, with the world that they are judged by."""

    dynamodb: Any
    records: Racing
    catalogue: Catalogue | None = field(default_factory=a_catalogue)
    images: Mapping[str, Image] | Exception = field(
        default_factory=lambda: {GOOD: an_image(GOOD, "amd64"), WRONG: an_image(WRONG, "amd64")}
    )
    refusal: str = ""
    launches: list[tuple[str, str, str]] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)

    def put(self, body: Any = None, *, if_match: str = "", rules: Rules = RULES, name: str = "ci") -> Answer:
        ports = PoolPorts(
            records=self.records, network=self._network, images=self._images,
            catalogue=lambda: self.catalogue, refusal=self._launch,
        )  # fmt: skip
        return put_pool(name, asked(body or {}, if_match), ports, rules, NOW)

    def delete(self, *, if_match: str = "", name: str = "ci") -> Answer:
        return delete_pool(name, asked(None, if_match), self.records)

    def deploy(self, **images: str) -> None:
        deployed = Deployment(
            pool="ci", ami_set="base", number=3, follow=Follow.NEVER, images=images, by="ops",
            at=NOW, checked_at=NOW,
        )  # fmt: skip
        commit(self.dynamodb, [put("pools", "pool", deployed, over=None)])

    @property
    def known(self) -> Known:
        return self.records.all()

    def _network(self, groups: Iterable[str]) -> Network:
        self.groups = list(groups)
        return NETWORK

    def _images(self, ids: Sequence[str]) -> Mapping[str, Image]:
        if isinstance(self.images, Exception):
            raise self.images
        return {each: self.images[each] for each in ids if each in self.images}

    def _launch(self, pool: Pool, *, zone: str, instance_type: str, image_id: str) -> str:
        assert zone in pool.subnets
        self.launches.append((zone, instance_type, image_id))
        return self.refusal


def asked(body: Any, if_match: str = "") -> Asked:
    text = json.dumps(body) if body is not None else ""
    return Asked(method="PUT", path="/pools/ci", query={}, body=text, sender="A", by="ann", if_match=if_match)


@pytest.fixture
def yard() -> Iterator[Yard]:
    with mock_aws():
        dynamodb = a_table("pools", "pool", "part")
        yield Yard(dynamodb, Racing(dynamodb))


def paths(answer: Answer) -> tuple[int, list[str]]:
    return answer.status, [each["path"] for each in answer.body["error"]["defects"]]


def code(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.body["error"]["code"]


# -- made, changed, unchanged ------------------------------------------------------------------------------


def test_a_pool_is_made_then_changed_then_left_as_it_is(yard: Yard) -> None:
    made, changed, same = (
        yard.put({"limits": {"instances": 10}}),
        yard.put({"limits": {"instances": 4}}),
        yard.put({"limits": {"instances": 4}}),
    )
    assert [each.status for each in (made, changed, same)] == [201, 200, 200]
    assert [each.headers["ETag"] for each in (made, changed, same)] == ['"1"', '"2"', '"2"']
    assert [each.body["generation"] for each in (made, changed, same)] == [1, 2, 2]
    assert (yard.records.writes, yard.known.counters["ci"].slots_free) == (2, 4)
    pool = yard.known.pools["ci"]
    assert (pool.managed, pool.subnets) == ("api", {"us-east-1a": A, "us-east-1b": B})
    assert (pool.security_groups, pool.instance_profile) == (("sg-00000001",), "arn:node")
    assert yard.groups == ["sg-00000001"]


def test_what_is_shown_is_the_document_with_what_was_found_deployed_and_in_use(yard: Yard) -> None:
    body = yard.put({"name": "ci", "security_groups": ["sg-00000001"]}).body
    assert body["in_use"] == {"instances": 0, "pending_instances": 0, "usd_per_hour": 0.0}
    assert (body["name"], body["managed"], body["deployment"]) == ("ci", "api", None)
    assert (body["subnets"], body["idle_seconds"], body["warnings"]) == ([A, B], 600, [])
    yard.deploy(amd64=GOOD)
    shown = pool_view(yard.known.pools["ci"], yard.known)["deployment"]
    assert (shown["ami_set"], shown["version"], shown["follow"]) == ("base", 3, "never")


def test_a_stage_with_a_network_of_its_own_gives_that_to_pools_that_name_none(yard: Yard) -> None:
    defaults = Defaults(subnets=(C,), security_groups=("sg-00000002",), instance_profile="arn:node")
    yard.put(rules=replace(RULES, defaults=defaults))
    pool = yard.known.pools["ci"]
    assert (pool.subnets, pool.security_groups) == ({"us-east-1a": C}, ("sg-00000002",))


def test_before_the_first_catalogue_types_are_not_judged_and_that_is_told(yard: Yard) -> None:
    yard.catalogue = None
    answer = yard.put({"types": {"allow": ["x9.huge"]}}, rules=replace(RULES, dry_run=True))
    assert (answer.status, len(answer.body["warnings"])) == (201, 1)


# -- refused -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "status", "where"),
    [
        ({"colour": 1, "idle_seconds": -1}, 400, ["colour", "idle_seconds"]),
        ({"lease": {"default_seconds": 900, "max_seconds": 60}}, 400, ["lease.default_seconds"]),
        ({"name": "other"}, 400, ["name"]),
        ({"generation": 1}, 400, ["generation"]),
        ({"image_ids": {"amd64": GOOD}}, 400, ["image_ids"]),
        ({"subnets": ["subnet-0000000f"]}, 422, ["subnets"]),
        ({"subnets": [A, C]}, 422, ["subnets", "subnets"]),
        ({"security_groups": ["sg-0000000f", "sg-00000002"]}, 422, ["security_groups", "security_groups"]),
        ({"types": {"allow": ["m7i.large", "m9.huge"]}}, 422, ["types.allow"]),
        ({"types": {"deny": ["m9.huge"]}}, 422, ["types.deny"]),
        ({"types": {"allow": ["c9*"]}}, 422, ["types"]),
        ({"types": {"allow": ["m7i.large"], "deny": ["*.large"]}}, 422, ["types"]),
        ({"types": {"allow": ["m7i*"]}, "architectures": ["amd64", "arm64"]}, 422, ["types"]),
        ({"ssh_keys": ["k" * 17_000]}, 422, ["ssh_keys"]),
        (
            {"subnets": ["subnet-0000000f", A], "security_groups": ["sg-00000002"],
             "types": {"allow": ["m9.huge"]}},
            422,
            ["subnets", "security_groups", "types.allow", "types"],
        ),
    ],
)  # fmt: skip
def test_every_defect_is_told_at_once_with_its_path(
    yard: Yard, document: Any, status: int, where: list[str]
) -> None:
    answer = yard.put(document)
    assert paths(answer) == (status, where)
    assert answer.body["error"]["path"] == where[0]
    assert (yard.known.pools, yard.known.counters) == ({}, {})


@pytest.mark.parametrize(
    "kind",
    [a_type(zones=("us-east-1c",)), a_type(usd_micros_per_hour=None), a_type(architecture="arm64")],
    ids=["elsewhere", "without a price", "other architecture"],
)
def test_a_type_that_could_never_be_launched_does_not_count(yard: Yard, kind: Any) -> None:
    yard.catalogue = a_catalogue(kind)
    assert paths(yard.put()) == (422, ["types"])


@pytest.mark.parametrize("name", ["Upper", "a_b"])
def test_a_wrong_name_is_a_defect(yard: Yard, name: str) -> None:
    assert yard.put(name=name).status == 400


def test_a_pool_of_railyard_toml_is_neither_changed_nor_closed(yard: Yard) -> None:
    yard.records.write(None, a_pool("ci"))
    for answer in (yard.put(), yard.delete(), yard.put(if_match='"1"')):
        assert code(answer) == (409, "managed_by_deployment")
    assert yard.known.pools["ci"] == a_pool("ci")


# -- over what was read ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("if_match", "status"), [('"1"', 200), ("*", 200), ('"2"', 412), ("1", 412)])
def test_a_change_may_be_bound_to_a_generation(yard: Yard, if_match: str, status: int) -> None:
    yard.put()
    assert yard.put({"idle_seconds": 1}, if_match=if_match).status == status
    assert yard.known.pools["ci"].generation == (2 if status == 200 else 1)


@pytest.mark.parametrize("if_match", ['"1"', "*"])
def test_a_change_that_is_bound_to_a_pool_makes_none(yard: Yard, if_match: str) -> None:
    assert code(yard.put(if_match=if_match)) == (412, "precondition_failed")


def test_a_deletion_may_be_bound_to_a_generation(yard: Yard) -> None:
    yard.put()
    assert code(yard.delete(if_match='"2"')) == (412, "precondition_failed")
    assert yard.delete(if_match='"1"').status == 204


def rewrite(yard: Yard, instances: int) -> None:
    """Somebody else changes the pool."""
    seen = yard.known.pools["ci"]
    limits = replace(seen.limits, instances=instances)
    Pools(yard.dynamodb, "pools").write(seen, replace(seen, limits=limits, generation=seen.generation + 1))


def test_who_was_slower_writes_over_what_is_there_then_and_counters_follow(yard: Yard) -> None:
    yard.put({"limits": {"instances": 10}})
    yard.records.races = [lambda: rewrite(yard, 50)]
    answer = yard.put({"limits": {"instances": 4}})
    assert (answer.status, answer.body["generation"]) == (200, 3)
    assert yard.known.counters["ci"].slots_free == 4


def test_who_was_slower_and_bound_the_change_is_told_so(yard: Yard) -> None:
    yard.put()
    yard.records.races = [lambda: rewrite(yard, 50)]
    assert yard.put({"idle_seconds": 1}, if_match='"1"').status == 412
    assert yard.known.pools["ci"].limits.instances == 50


def test_who_is_slower_each_time_gives_up(yard: Yard) -> None:
    yard.put()
    yard.records.races = [partial(rewrite, yard, n) for n in (50, 51, 52, 53)]
    with pytest.raises(Conflict) as raised:
        yard.put({"idle_seconds": 1})
    assert (raised.value.code, len(yard.records.races)) == ("conflict", 1)


# -- closed ------------------------------------------------------------------------------------------------


def test_a_closed_pool_is_gone_and_closing_it_again_is_no_error(yard: Yard) -> None:
    yard.put({"limits": {"instances": 10}})
    assert [yard.delete().status, yard.delete().status, yard.delete(if_match='"9"').status] == [204] * 3
    assert (yard.known.pools, yard.known.counters["ci"].slots_free) == ({}, 0)
    assert yard.put({"limits": {"instances": 7}}).status == 201
    assert yard.known.counters["ci"].slots_free == 7


def test_a_pool_that_a_set_is_deployed_to_is_not_closed_whoever_was_faster(yard: Yard) -> None:
    yard.put()
    yard.records.races = [lambda: yard.deploy(amd64=GOOD)]
    for _ in range(2):
        assert code(yard.delete()) == (409, "deployed")
    assert "ci" in yard.known.pools


# -- images ------------------------------------------------------------------------------------------------


def test_images_by_id_are_taken_if_ec2_has_them_and_told_if_they_are_wrong(yard: Yard) -> None:
    both = {"architectures": ["amd64", "arm64"], "image_ids": {"amd64": "ami-0000000f", "arm64": WRONG}}
    assert paths(yard.put(both, rules=BY_ID)) == (422, ["image_ids.amd64", "image_ids.arm64"])
    assert yard.put({"image_ids": {"amd64": GOOD}}, rules=BY_ID).status == 201
    assert yard.known.pools["ci"].image_ids == {"amd64": GOOD}


def test_an_ec2_that_says_nothing_of_an_image_refuses_nothing(yard: Yard) -> None:
    yard.images = Throttled("later")
    answer = yard.put({"image_ids": {"amd64": GOOD}}, rules=BY_ID)
    assert (answer.status, len(answer.body["warnings"])) == (201, 1)


def test_a_pool_has_images_by_id_or_a_set_whoever_was_faster(yard: Yard) -> None:
    yard.put()
    yard.records.races = [lambda: yard.deploy(amd64=GOOD)]
    for _ in range(2):
        answer = yard.put({"image_ids": {"amd64": GOOD}}, rules=BY_ID)
        assert (code(answer), answer.body["error"]["path"]) == ((409, "deployed"), "image_ids")
    assert yard.known.pools["ci"].image_ids == {}


def test_the_set_that_is_deployed_must_have_an_image_for_each_architecture(yard: Yard) -> None:
    yard.put()
    yard.deploy(amd64=GOOD)
    assert paths(yard.put({"architectures": ["amd64", "arm64"]})) == (422, ["architectures"])
    assert yard.put({"idle_seconds": 1}).status == 200


# -- dry runs ----------------------------------------------------------------------------------------------

TRIED = replace(BY_ID, dry_run=True, launched={"amd64": "ami-channel"})


def test_without_dry_runs_nothing_is_tried(yard: Yard) -> None:
    yard.put(rules=replace(TRIED, dry_run=False))
    assert yard.launches == []


def test_a_launch_that_ec2_refuses_is_a_defect_and_writes_nothing(yard: Yard) -> None:
    yard.refusal = "InvalidKeyPair.NotFound"
    answer = yard.put({"key_name": "none"}, rules=TRIED)
    assert paths(answer) == (422, ["launch"])
    assert "InvalidKeyPair.NotFound" in answer.body["error"]["message"]
    assert yard.known.pools == {}


def test_the_cheapest_type_is_tried_in_the_first_zone_that_offers_it_with_the_image_of_the_pool(
    yard: Yard,
) -> None:
    yard.catalogue = a_catalogue(a_type(zones=("us-east-1b", "us-east-1c")))
    yard.put(rules=TRIED)
    yard.put({"image_ids": {"amd64": GOOD}}, rules=TRIED)
    yard.put(rules=TRIED)
    yard.deploy(amd64=WRONG)
    yard.put({"idle_seconds": 1}, rules=TRIED)
    where = [("us-east-1b", "m7i.large")] * 4
    assert [launch[:2] for launch in yard.launches] == where
    assert [launch[2] for launch in yard.launches] == ["ami-channel", GOOD, "ami-channel", WRONG]


@pytest.mark.parametrize(
    ("body", "rules"),
    [({}, TRIED), ({"types": {"allow": ["c9*"]}}, TRIED), ({"idle_seconds": 1}, replace(TRIED, launched={}))],
    ids=["nothing new", "a defect anyway", "no image yet"],
)
def test_nothing_is_tried_in_vain(yard: Yard, body: Any, rules: Rules) -> None:
    yard.put()
    yard.put(body, rules=rules)
    assert yard.launches == []
