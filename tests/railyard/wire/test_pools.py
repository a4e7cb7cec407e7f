"""Pool documents: every defect at once, and nothing lost on the way into the domain."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from railyard.aws.tables.items import decode, encode
from railyard.errors import InvalidRequest
from railyard.model.networks import Defaults, Network, Subnet
from railyard.model.pools import BY_API, Disk, Limits, Pool, succeeding
from railyard.wire.decoding import check
from railyard.wire.pools import PoolDocument, pool_defects, read_requester, resolve_pool

FULL: dict[str, Any] = {
    "architectures": ["amd64", "arm64"],
    "markets": ["spot-first", "on-demand"],
    "sharing": ["requester", "exclusive"],
    "types": {"allow": ["c7*", "m7*"], "deny": ["*.metal"]},
    "subnets": ["subnet-0123abcd"],
    "security_groups": ["sg-0123abcd"],
    "instance_profile": "arn:aws:iam::123456789012:instance-profile/mine",
    "key_name": "ops",
    "ssh_keys": ["ssh-ed25519 AAAA"],
    "limits": {
        "instances": 7,
        "pending_instances": 5,
        "usd_per_hour": 0.1,
        "per_requester": {"instances": 3},
    },
    "requesters": ["ci"],
    "reserve": {"memory_percent": 6, "memory_mib": 200},
    "idle_seconds": 60,
    "boot_seconds": 120,
    "max_life_seconds": 3_600,
    "lease": {"default_seconds": 600, "max_seconds": 1_200},
    "disk": {
        "type": "io2",
        "root_gib": 20,
        "default_gib": 100,
        "iops": 4_000,
        "throughput": 250,
        "filesystem": "ext4",
        "mount": "/data",
    },
    "node": {"agent": True, "parameters": {"job": {"pattern": "[a-z]+", "required": True}}},
    "tags": {"team": "a"},
}


NETWORK = Network(
    (Subnet(subnet_id="subnet-0123abcd", zone="us-east-1a", vpc_id="vpc-1", default=True),),
    {"sg-0123abcd": "vpc-1"},
)
DEFAULTS = Defaults(security_groups=("sg-default",), instance_profile="arn:default")
BOTH = {"amd64": "ami-0123abcd", "arm64": "ami-0123abce"}


def resolved(document: Any) -> Pool:
    pool, wrong = resolve_pool("default", check(PoolDocument, document), NETWORK, DEFAULTS)
    assert wrong == []
    return pool


def test_an_empty_document_is_a_sound_pool() -> None:
    assert pool_defects("default", {}) == ()


def test_defects_in_many_fields_are_all_named_with_their_paths() -> None:
    wrong = {
        "architectures": [],
        "markets": ["spot", "free"],
        "limits": {"instances": -1},
        "disk": {"mount": "relative"},
        "idle_seconds": "600",
        "colour": 1,
        "subnets": ["subnet-0123abcd", "sg-1"],
    }
    paths = [defect.split(": ")[0] for defect in pool_defects("default", wrong)]
    assert paths == [
        "pools.default.architectures",
        "pools.default.markets[1]",
        "pools.default.limits.instances",
        "pools.default.disk.mount",
        "pools.default.idle_seconds",
        "pools.default.colour",
        "pools.default.subnets[1]",
    ]


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"lease": {"default_seconds": 900, "max_seconds": 600}}, "lease.default_seconds"),
        ({"requesters": ["ci", "ci"]}, "requesters"),
        ({"tags": {"railyard:pool": "x"}}, "tags.railyard:pool"),
        ({"node": {"parameters": {"job": {"pattern": "("}}}}, "node.parameters.job.pattern"),
        ({"image_ids": {"arm64": "ami-0123abcd"}, "architectures": ["arm64", "amd64"]}, "image_ids.amd64"),
        ({"image_ids": BOTH}, "image_ids.arm64"),
        ({"image_ids": {"amd64": "ami-1"}}, "image_ids.amd64"),
        ({"image_ids": {"amd64": "ami-0123abcd", "x86_64": "ami-0123abcd"}}, "image_ids"),
    ],
)
def test_fields_that_are_each_right_and_together_wrong_are_named(document: Any, path: str) -> None:
    (defect,) = pool_defects("default", document, image_ids_allowed=True)
    assert defect.startswith(f"pools.default.{path}: ")


def test_images_by_id_are_refused_where_the_stage_does_not_allow_them() -> None:
    document = {"image_ids": {"amd64": "ami-0123abcd"}}
    (defect,) = pool_defects("default", document)
    assert defect.startswith("pools.default.image_ids: ")
    assert pool_defects("default", document, image_ids_allowed=True) == ()
    assert pool_defects("default", {"image_ids": None}) == ()


def test_images_by_id_arrive_by_architecture() -> None:
    both = {"architectures": ["amd64", "arm64"], "image_ids": BOTH}
    assert resolved(both).image_ids == BOTH
    assert resolved({"image_ids": {"amd64": "ami-0123abcd"}}).image_ids == {"amd64": "ami-0123abcd"}
    assert resolved({}).image_ids == {}


@pytest.mark.parametrize("name", ["Default", "-a", "a_b", "", "a" * 64, "a\n"])
def test_a_wrong_name_is_a_defect_beside_the_others(name: str) -> None:
    assert len(pool_defects(name, {"idle_seconds": -1})) == 2


@pytest.mark.parametrize("document", [None, [], "pool", 1])
def test_what_is_no_table_is_one_defect(document: Any) -> None:
    assert len(pool_defects("default", document)) == 1


def test_everything_that_an_operator_wrote_arrives() -> None:
    pool = resolved(FULL)
    assert pool == Pool(
        name="default",
        generation=1,
        architectures=("amd64", "arm64"),
        markets=("spot-first", "on-demand"),
        sharing=("requester", "exclusive"),
        allow=("c7*", "m7*"),
        deny=("*.metal",),
        subnets={"us-east-1a": "subnet-0123abcd"},
        security_groups=("sg-0123abcd",),
        instance_profile="arn:aws:iam::123456789012:instance-profile/mine",
        key_name="ops",
        ssh_keys=("ssh-ed25519 AAAA",),
        limits=Limits(instances=7, pending_instances=5, usd_micros_per_hour=100_000, requester_instances=3),
        requesters=("ci",),
        memory_percent=6,
        memory_mib=200,
        idle_seconds=60,
        boot_seconds=120,
        max_life_seconds=3_600,
        lease_default_seconds=600,
        lease_max_seconds=1_200,
        disk=Disk(
            type="io2",
            root_gib=20,
            default_gib=100,
            iops=4_000,
            throughput=250,
            filesystem="ext4",
            mount="/data",
        ),
        agent=True,
        parameters={"job": ("[a-z]+", True)},
        tags={"team": "a"},
        document=msgspec.json.decode(msgspec.json.encode(check(PoolDocument, FULL))),
    )


def test_what_an_operator_left_out_comes_from_the_deployment() -> None:
    pool = resolved({})
    assert (pool.security_groups, pool.instance_profile) == (("sg-default",), "arn:default")
    assert pool.document["lease"] == {"default_seconds": 900, "max_seconds": 86_400}


def test_a_pool_that_comes_back_from_a_table_equals_the_one_that_was_written() -> None:
    for document in ({}, FULL, {"image_ids": {"amd64": "ami-0123abcd"}}):
        assert decode(Pool, encode(resolved(document))) == resolved(document)


def test_dollars_become_whole_millionths() -> None:
    assert resolved({"limits": {"usd_per_hour": 0.29}}).limits.usd_micros_per_hour == 290_000


def test_a_requester_is_read_with_its_queue() -> None:
    arn = "arn:aws:sqs:us-east-1:123456789012:ci"
    read = read_requester("ci", {"principals": ["AROACI"], "reply_queue_arn": arn})
    assert (read.name, read.principals, read.reply_queue_arn, read.pools) == ("ci", ("AROACI",), arn, ("*",))
    assert read_requester("ci", {"principals": ["AROACI"]}).reply_queue_arn == ""


@pytest.mark.parametrize(
    ("name", "document", "path"),
    [
        ("CI", {"principals": ["A"]}, None),
        ("ci", {"principals": []}, "principals"),
        ("ci", {"principals": ["A"], "reply_queue_arn": "https://sqs"}, "reply_queue_arn"),
        ("ci", {"principals": ["A"], "reply_queue_arn": "\n"}, "reply_queue_arn"),
        ("ci", {"principals": ["A"], "pools": []}, "pools"),
    ],
)
def test_a_wrong_requester_is_refused_at_its_field(name: str, document: Any, path: str | None) -> None:
    with pytest.raises(InvalidRequest) as raised:
        read_requester(name, document)
    assert raised.value.path == path


def test_a_generation_follows_another_only_if_something_is_new() -> None:
    first, other = resolved({}), resolved({"idle_seconds": 1})
    second = succeeding(other, first)
    assert succeeding(first, None) == first
    assert succeeding(first, first) is None
    assert second
    assert (second.generation, second.idle_seconds) == (2, 1)
    assert succeeding(other, second) is None


def test_who_made_a_pool_or_a_requester_is_a_difference() -> None:
    mine, _ = resolve_pool("default", check(PoolDocument, {}), NETWORK, DEFAULTS, managed=BY_API)
    assert (mine.managed, succeeding(mine, resolved({})) is None) == (BY_API, False)
    assert read_requester("ci", {"principals": ["A"]}, managed=BY_API).managed == BY_API


def test_types_are_what_a_glob_allows_and_none_denies() -> None:
    pool = resolved({"types": {"allow": ["c7*", "m7g.large"], "deny": ["*.metal"]}})
    asked = ("c7g.large", "m7g.large", "m7g.xlarge", "c7g.metal")
    assert [name for name in asked if pool.allows(name)] == ["c7g.large", "m7g.large"]
