"""AMI sets in the tables: written over what was read, all or nothing, versions and history for ever."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from moto import mock_aws

from railyard.aws.tables.ami_sets import AmiSets
from railyard.aws.tables.items import encode
from railyard.errors import Conflict
from railyard.model.ami_sets import (
    AmiSet,
    Change,
    Check,
    Content,
    Follow,
    SetImage,
    Status,
    Word,
    checked,
    create,
    deploy,
    remove,
    update,
    withdraw,
)
from tests.builders import NOW, a_pool
from tests.railyard.aws.stubs import a_table

WORD = Word(by="arn:ann", at=NOW, reason="größe", despite=("us-east-1/amd64/hvm=missing",))
VALID = Check(status=Status.VALID, at=NOW)
BAD = Check(status=Status.INVALID, at=NOW, reasons={"us-east-1/amd64/hvm": ("missing", "deprecated")})


def content(number: int) -> Content:
    return Content(images=(SetImage(region="us-east-1", architecture="amd64", image_id=f"ami-{number}"),))


def made(change: Change | None) -> Change:
    assert change is not None
    return change


@pytest.fixture
def sets() -> Iterator[AmiSets]:
    """Empty tables, but for a pool."""
    with mock_aws():
        dynamodb: Any = a_table("ami_sets", "ami_set", "part")
        a_table("pools", "pool", "part")
        item = encode(a_pool()) | {"pool": {"S": "default"}, "part": {"S": "definition"}}
        dynamodb.put_item(TableName="pools", Item=item)
        yield AmiSets(dynamodb, "ami_sets", "pools")


def a_set(sets: AmiSets, name: str = "base") -> AmiSet:
    change = made(create(sets.head(name), content(1), VALID, WORD))
    sets.commit(change)
    return change.after


def deployed(sets: AmiSets, head: AmiSet, pool: str = "default") -> Change:
    version = sets.versions([(head.ami_set, head.number)])[head.ami_set, head.number]
    was = sets.deployments([pool]).get(pool)
    images = {"amd64": "ami-1"}
    change = made(
        deploy(head, was, version, pool=pool, images=images, follow=Follow.NOW, check=VALID, word=WORD)
    )
    sets.commit(change)
    return change


def test_a_set_that_never_was_is_removed_and_its_first_is_written_once(sets: AmiSets) -> None:
    assert sets.head("base") == AmiSet(ami_set="base")
    change = made(create(sets.head("base"), content(1), BAD, WORD))
    sets.commit(change)
    with pytest.raises(Conflict):
        sets.commit(change)
    assert sets.head("base") == change.after
    assert sets.versions([("base", 1), ("base", 2), ("other", 1)]) == {("base", 1): change.version}
    assert sets.history("base", 10) == ([change.audit], None)


def test_of_two_changes_of_what_was_read_one_is_made_and_the_other_leaves_nothing(sets: AmiSets) -> None:
    head = a_set(sets)
    one, other = (made(update(head, content(n), VALID, WORD)) for n in (2, 3))
    sets.commit(one)
    with pytest.raises(Conflict):
        sets.commit(other)
    assert sets.versions([("base", 2)])["base", 2].content == content(2)
    assert len(sets.history("base", 10)[0]) == 2


def test_an_entry_or_a_version_is_never_written_over(sets: AmiSets) -> None:
    head = a_set(sets)
    change = made(update(head, content(2), VALID, WORD))
    first = made(create(AmiSet(ami_set="base"), content(5), VALID, WORD))
    for forged in (replace(change, version=first.version), replace(change, audit=first.audit)):
        with pytest.raises(Conflict):
            sets.commit(forged)
    assert sets.head("base") == head


def test_sets_are_listed_by_name_without_those_that_were_removed(sets: AmiSets) -> None:
    for name in ("b", "a", "gone"):
        a_set(sets, name)
    sets.commit(made(remove(sets.head("gone"), WORD)))
    assert [head.ami_set for head in sets.all()] == ["a", "b"]
    assert sets.head("gone").removed


def test_a_deployment_stands_beside_its_pool_and_goes_when_it_is_withdrawn(sets: AmiSets) -> None:
    change = deployed(sets, a_set(sets))
    assert sets.deployments(["default", "other"]) == {"default": change.deployment[1]}
    sets.commit(made(withdraw(sets.head("base"), change.deployment[1], "default", WORD)))
    assert sets.deployments(["default"]) == {}
    assert sets.head("base").deployed == {}


def test_a_pool_that_launches_something_else_by_now_is_not_touched(sets: AmiSets) -> None:
    base, other = a_set(sets), a_set(sets, "other")
    version = sets.versions([("other", 1)])["other", 1]
    late = made(
        deploy(
            other, None, version, pool="default", images={"amd64": "ami-1"}, follow=Follow.NOW, check=VALID, word=WORD
        )
    )  # fmt: skip
    deployed(sets, base)
    with pytest.raises(Conflict):
        sets.commit(late)
    assert sets.head("other") == other


def test_the_history_comes_newest_first_page_by_page_and_without_versions(sets: AmiSets) -> None:
    head = a_set(sets)
    a_set(sets, "bas")
    a_set(sets, "base-2")
    for number in (2, 3):
        change = made(update(head, content(number), VALID, WORD))
        sets.commit(change)
        head = change.after
    first, token = sets.history("base", 2)
    rest, end = sets.history("base", 2, token)
    assert [each.number for each in (*first, *rest)] == [3, 2, 1]
    assert end is None


def test_what_ec2_says_is_written_with_what_pools_launch(sets: AmiSets) -> None:
    change = deployed(sets, a_set(sets))
    was = change.deployment[1]
    assert was
    head = change.after
    later = replace(BAD, at=NOW + timedelta(hours=1))
    after = replace(checked(head, {1: later}), sequence=head.sequence + 1)
    shall = replace(was, sequence=was.sequence + 1, defects={"amd64": ("missing",)})
    sets.check(head, after, [(was, shall)])
    assert (sets.head("base"), sets.deployments(["default"])) == (after, {"default": shall})
    with pytest.raises(Conflict):
        sets.check(head, after, [])


def test_a_deployment_that_was_made_anew_meanwhile_is_not_written_over(sets: AmiSets) -> None:
    """It has the sequence of the old one; the set, which has moved on, guards it."""
    change = deployed(sets, a_set(sets))
    was = change.deployment[1]
    assert was
    sets.commit(made(withdraw(change.after, was, "default", WORD)))
    a_set(sets, "other")
    again = deployed(sets, sets.head("other")).deployment[1]
    assert again
    assert again.sequence == was.sequence
    with pytest.raises(Conflict):
        sets.check(change.after, change.after, [(was, replace(was, sequence=2))])
    assert sets.deployments(["default"]) == {"default": again}


def test_more_versions_than_one_call_takes_are_read_in_several(sets: AmiSets) -> None:
    a_set(sets)
    assert list(sets.versions(("base", number) for number in range(1, 251))) == [("base", 1)]
    assert sets.deployments(f"p{number}" for number in range(250)) == {}


def test_nothing_is_written_when_ec2_has_said_nothing_new(sets: AmiSets) -> None:
    head = a_set(sets)
    sets.check(replace(head, sequence=99), replace(head, sequence=99), [])
    assert sets.head("base") == head


@pytest.mark.parametrize("ids", [{"amd64": "ami-9"}, None], ids=["own images", "no pool"])
def test_a_pool_that_names_its_own_images_or_is_not_there_takes_no_set(
    sets: AmiSets, ids: dict[str, str] | None
) -> None:
    head = a_set(sets)
    key = {"pool": {"S": "default"}, "part": {"S": "definition"}}
    if ids is None:
        sets._db.delete_item(TableName="pools", Key=key)
    else:
        sets._db.put_item(TableName="pools", Item=encode(replace(a_pool(), image_ids=ids)) | key)
    with pytest.raises(Conflict):
        deployed(sets, head)
    assert (sets.head("base"), sets.deployments(["default"])) == (head, {})
