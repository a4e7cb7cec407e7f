"""AMI sets as values: versions, history, checks, deployments."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import convert, to_builtins

from railyard.errors import Conflict, Throttled
from railyard.model.ami_sets import (
    AmiSet,
    Audit,
    Change,
    Check,
    Content,
    Deployment,
    Follow,
    SetImage,
    Status,
    Version,
    Word,
    audit_hash,
    checked,
    create,
    deploy,
    remove,
    roll_back,
    track,
    update,
    withdraw,
)
from railyard.model.releases import Line, Placed
from railyard.model.validation import Shown, channel_images, check_version, confirmed, ids_of, translated
from tests.builders import NOW

HOME = "us-east-1"
WORD = Word(by="arn:ann", at=NOW, reason="why")
VALID = Check(status=Status.VALID, at=NOW)
INVALID = Check(status=Status.INVALID, at=NOW, reasons={"us-east-1/amd64/hvm": ("missing",)})
SILENT = Check(status=Status.UNKNOWN, at=NOW, reasons={"us-east-1/amd64/hvm": ("unknown",)})


def content(number: int = 1, tracks: str = "", description: str = "") -> Content:
    image = SetImage(region=HOME, architecture="amd64", image_id=f"ami-{number}")
    return Content(images=(image,), tracks=tracks, description=description)


def made(change: Change | None) -> Change:
    assert change is not None
    return change


def a_set(*numbers: int, tracks: str = "", check: Check | None = VALID) -> AmiSet:
    """A set that had those contents, one after the other."""
    head = AmiSet(ami_set="base")
    for position, number in enumerate(numbers or (1,)):
        move = update if position else create
        head = made(move(head, content(number, tracks), check, WORD)).after
    return head


def a_version(number: int, of: Content) -> Version:
    return Version(
        ami_set="base", part=f"v#{number:08d}", number=number, content=of, made_at=NOW, by="arn:ann"
    )


def a_deployment(**changes: Any) -> Deployment:
    base = Deployment(
        pool="ci", sequence=3, ami_set="base", number=1, follow=Follow.NEVER, images={"amd64": "ami-1"},
        by="arn:ann", at=NOW, checked_at=NOW,
    )  # fmt: skip
    return replace(base, **changes)


# -- versions ----------------------------------------------------------------------------------------------


def test_equal_content_is_no_change() -> None:
    assert create(a_set(), content(), VALID, WORD) is None
    assert update(a_set(), content(), VALID, WORD) is None
    assert roll_back(a_set(), a_version(1, content()), VALID, WORD) is None


def test_order_is_no_content() -> None:
    two = (*content(1).images, *content(2).images)
    one, other = Content(images=two), Content(images=two[::-1])
    assert (one.hash, one.choice) == (other.hash, other.choice)


def test_a_description_is_content() -> None:
    assert made(update(a_set(), content(description="new"), VALID, WORD)).after.number == 2


def test_numbering_goes_on_after_a_removal_and_nothing_else_does() -> None:
    head = made(roll_back(a_set(1, 2, tracks="stable"), a_version(1, content(1)), VALID, WORD)).after
    removed = made(remove(head, WORD)).after
    assert (removed.number, removed.audited) == (3, 4)
    assert (removed.content.images, removed.checks, removed.last_good, removed.declined) == ((), {}, 0, "")
    again = made(create(removed, content(1), None, WORD))
    assert (again.after.number, again.after.audited) == (4, 5)
    assert again.version
    assert again.version.number == 4


def test_each_change_moves_the_sequence_by_one_and_carries_one_entry() -> None:
    change = made(update(a_set(), content(2), VALID, WORD))
    assert change.after.sequence == change.before.sequence + 1
    assert change.audit
    assert (change.audit.part, change.after.chain) == ("audit#00000002", change.audit.hash)


# -- tracking and rolling back -----------------------------------------------------------------------------


def images(number: int) -> tuple[SetImage, ...]:
    return content(number).images


def test_a_channel_that_moves_makes_a_version_and_one_that_stands_still_none() -> None:
    head = a_set(1, tracks="stable")
    assert track(head, images(1), VALID, WORD) is None
    assert track(head, (), VALID, WORD) is None
    assert made(track(head, images(2), VALID, WORD)).after.content.images == images(2)


def test_what_a_rollback_declined_does_not_come_back_until_the_channel_has_something_else() -> None:
    head = a_set(1, 2, tracks="stable")
    head = made(roll_back(head, a_version(1, content(1)), VALID, WORD)).after
    assert (head.content.tracks, head.content.images) == ("stable", images(1))
    assert track(head, images(2), VALID, WORD) is None
    head = made(track(head, images(3), VALID, WORD)).after
    assert made(track(head, images(2), VALID, WORD)).after.content.images == images(2)


def test_what_was_declined_stays_declined_although_the_description_is_another() -> None:
    """The old version had another description, and the set has its one again."""
    head = AmiSet(ami_set="base")
    head = made(create(head, content(1, "stable", "one"), VALID, WORD)).after
    head = made(update(head, content(2, "stable", "two"), VALID, WORD)).after
    head = made(roll_back(head, a_version(1, content(1, "stable", "one")), VALID, WORD)).after
    assert track(head, images(2), VALID, WORD) is None
    head = made(update(head, content(1, "stable", "three"), VALID, WORD)).after
    assert track(head, images(2), VALID, WORD) is None
    head = made(update(head, content(5, "stable", "three"), VALID, WORD)).after
    assert track(head, images(2), VALID, WORD)


def test_a_rollback_does_not_begin_or_end_tracking() -> None:
    plain = made(roll_back(a_set(1, 2), a_version(1, content(1, "stable")), VALID, WORD)).after
    assert plain.content.tracks == ""


# -- what EC2 says -----------------------------------------------------------------------------------------


def test_silence_counts_only_where_nothing_was_said_before() -> None:
    head = a_set(check=SILENT)
    assert head.status(1) is Status.UNKNOWN
    for known in (VALID, INVALID):
        said = checked(head, {1: known})
        assert checked(said, {1: replace(SILENT, at=NOW + timedelta(hours=1))}) == said


def test_a_version_is_valid_since_it_was_first_found_so() -> None:
    hour = timedelta(hours=1)
    head = checked(a_set(), {1: replace(VALID, at=NOW + hour)})
    assert head.checks["1"].valid_since == NOW
    head = checked(head, {1: replace(INVALID, at=NOW + 2 * hour)})
    assert head.checks["1"].valid_since is None
    head = checked(head, {1: replace(VALID, at=NOW + 3 * hour)})
    assert head.checks["1"].valid_since == NOW + 3 * hour


def test_only_checks_of_versions_that_matter_are_kept() -> None:
    head = replace(a_set(1, 2, 3), deployed={"ci": 1})
    head = checked(head, {1: VALID, 2: VALID, 3: INVALID})
    assert (sorted(head.checks), head.last_good) == (["1", "3"], 3)


# -- deployments -------------------------------------------------------------------------------------------


def deployed(head: AmiSet, was: Deployment | None = None, **changes: Any) -> Change | None:
    said: dict[str, Any] = {
        "images": {"amd64": "ami-1"},
        "follow": Follow.NEVER,
        "check": VALID,
        "word": WORD,
    }
    return deploy(head, was, a_version(1, content()), pool="ci", **said | changes)


def test_a_deployment_is_of_the_pool_and_noted_in_the_set() -> None:
    change = made(deployed(a_set()))
    was, shall = change.deployment
    assert was is None
    assert shall
    assert (shall.sequence, shall.images, shall.checked_at) == (1, {"amd64": "ami-1"}, NOW)
    assert change.after.deployed == {"ci": 1}


@pytest.mark.parametrize("other", [{"follow": Follow.NOW}, {"images": {"amd64": "ami-2"}}])
def test_a_deployment_changes_with_consent_and_images_and_nothing_else(other: dict[str, Any]) -> None:
    head = replace(a_set(), deployed={"ci": 1})
    assert deployed(head, a_deployment()) is None
    assert deployed(head, a_deployment(), check=replace(VALID, at=NOW + timedelta(hours=1))) is None
    shall = made(deployed(head, a_deployment(), **other)).deployment[1]
    assert shall
    assert shall.sequence == 4


def test_a_new_deployment_forgets_the_defects_of_the_old() -> None:
    was = a_deployment(number=2, defects={"amd64": ("missing",)})
    shall = made(deployed(replace(a_set(1, 2), deployed={"ci": 2}), was)).deployment[1]
    assert shall
    assert shall.defects == {}


def test_the_confirmation_of_a_deployment_is_not_worn_by_silence() -> None:
    head = made(deployed(a_set(), check=VALID)).after
    assert head.status(1) is Status.VALID


def test_a_pool_of_another_set_is_left_to_it() -> None:
    with pytest.raises(Conflict) as raised:
        deployed(a_set(), a_deployment(ami_set="other"))
    assert raised.value.code == "deployed"
    assert withdraw(a_set(), a_deployment(ami_set="other"), "ci", WORD) is None


def test_a_pool_that_lost_its_record_or_went_to_another_set_is_let_go_of() -> None:
    head = replace(a_set(), deployed={"ci": 1})
    for was in (None, a_deployment(ami_set="other")):
        change = made(withdraw(head, was, "ci", WORD))
        assert (change.after.deployed, change.deployment) == ({}, (None, None))
        assert change.audit
        assert change.audit.number == 1


def test_a_set_is_not_removed_while_a_pool_has_it() -> None:
    head = made(deployed(a_set())).after
    with pytest.raises(Conflict) as raised:
        remove(head, WORD)
    assert raised.value.code == "deployed"
    was = a_deployment(sequence=1)
    assert remove(made(withdraw(head, was, "ci", WORD)).after, WORD)


# -- history -----------------------------------------------------------------------------------------------

ACTS = st.lists(
    st.tuples(st.sampled_from(["make", "back", "remove", "track"]), st.integers(1, 4)), max_size=15
)


def lived(acts: list[tuple[str, int]]) -> list[Audit]:
    """The history of a set that went through *acts*."""
    head, versions, told = AmiSet(ami_set="base"), [content(1)], []
    for act, number in acts:
        change = _acted(head, act, number, versions)
        if change and change.audit:
            head = change.after
            versions += [change.version.content] if change.version else []
            told.append(change.audit)
    return told


def _acted(head: AmiSet, act: str, number: int, versions: list[Content]) -> Change | None:
    if act == "make":
        return (create if head.removed else update)(head, content(number), VALID, WORD)
    if act == "remove":
        return remove(head, WORD)
    if head.removed:
        return None
    if act == "track":
        return track(head, images(number), VALID, WORD)
    return roll_back(head, a_version(1, versions[min(number, len(versions)) - 1]), VALID, WORD)


def intact(entries: list[Audit]) -> bool:
    """Whether the chain of *entries*, oldest first, holds."""
    before = ["", *(each.hash for each in entries)]
    return all(audit_hash(e) == e.hash and e.previous == p for e, p in zip(entries, before, strict=False))


@given(ACTS)
def test_a_history_holds_also_after_a_journey_through_json(acts: list[tuple[str, int]]) -> None:
    told = lived(acts)
    assert intact(told)
    assert intact([convert(to_builtins(each), Audit) for each in told])


@given(ACTS.filter(lambda acts: len(lived(acts)) > 1), st.data())
def test_whoever_changes_or_takes_out_an_entry_is_found_out(acts: list[tuple[str, int]], data: Any) -> None:
    told = lived(acts)
    place = data.draw(st.integers(0, len(told) - 1))
    other: dict[type, Any] = {
        str: "x", int: 99, tuple: ("x",), datetime: NOW + timedelta(days=1),
    }  # fmt: skip
    names = [name for name in asdict(told[place]) if name not in ("hash", "action")]
    name = data.draw(st.sampled_from(names))
    value = next(v for kind, v in other.items() if isinstance(getattr(told[place], name), kind))
    forged = [*told[:place], replace(told[place], **{name: value}), *told[place + 1 :]]
    assert not intact(forged)
    rehashed = replace(forged[place], hash=audit_hash(forged[place]))
    if place + 1 < len(told):
        assert not intact([*told[:place], rehashed, *told[place + 1 :]])
        assert not intact([*told[:place], *told[place + 1 :]])


# -- channels and translations -----------------------------------------------------------------------------


def test_a_channel_has_what_all_its_lines_have_placed() -> None:
    lines = [
        Line(line="stable#arm64", placed={HOME: Placed(image="ami-2", release="1.0.0")}),
        Line(line="stable#amd64", placed={HOME: Placed(image="ami-1", release="1.0.0"), "eu-west-1": Placed(image="ami-3", release="")}),
        Line(line="beta#amd64", placed={HOME: Placed(image="ami-4", release="1.1.0")}),
    ]  # fmt: skip
    assert [(each.key, each.image_id) for each in channel_images("stable", lines)] == [
        ("eu-west-1/amd64/hvm", "ami-3"),
        ("us-east-1/amd64/hvm", "ami-1"),
        ("us-east-1/arm64/hvm", "ami-2"),
    ]


def test_a_translation_holds_what_the_set_has_of_hvm() -> None:
    pv = SetImage(region=HOME, architecture="arm64", virtualization="pv", image_id="ami-2")
    both = Content(images=(*images(1), pv))
    assert translated(both, HOME, ("amd64", "arm64")) == {"amd64": "ami-1"}
    assert translated(both, "eu-west-1", ("amd64",)) == {}


def test_images_are_asked_for_by_region_once_each() -> None:
    far = SetImage(region="eu-west-1", architecture="amd64", image_id="ami-1")
    both = Content(images=(*images(2), *images(1), far))
    assert ids_of([both, content(1)]) == {"eu-west-1": ["ami-1"], HOME: ["ami-1", "ami-2"]}


@pytest.mark.parametrize(
    ("shown", "reasons"),
    [
        ({HOME: {}}, ("missing",)),
        ({HOME: None}, ("unmanaged_region",)),
        ({HOME: Throttled("no")}, ("unknown",)),
        ({}, ("unknown",)),
    ],
)
def test_what_ec2_does_not_show_is_missing_unmanaged_or_unknown(
    shown: Shown, reasons: tuple[str, ...]
) -> None:
    said = check_version(content(), shown, NOW)
    assert said.reasons == {"us-east-1/amd64/hvm": reasons}
    assert said.status is (Status.UNKNOWN if reasons == ("unknown",) else Status.INVALID)


def test_a_set_without_images_is_not_known_to_be_good() -> None:
    assert check_version(Content(images=()), {}, NOW).status is Status.UNKNOWN


LATER = NOW + timedelta(hours=1)


@pytest.mark.parametrize(
    ("reasons", "expected"),
    [
        ({}, {}),
        ({"us-east-1/amd64/hvm": ("missing",)}, {"amd64": ("missing",)}),
        ({"us-east-1/amd64/pv": ("missing",), "eu-west-1/amd64/hvm": ("missing",)}, {}),
    ],
)
def test_a_deployment_knows_what_ec2_has_against_its_own_images(reasons: Any, expected: Any) -> None:
    said = Check(status=Status.INVALID if reasons else Status.VALID, at=LATER, reasons=reasons)
    after = confirmed(a_deployment(defects={"amd64": ("deprecated",)}), said, HOME)
    assert (after.defects, after.checked_at, after.sequence) == (expected, LATER, 4)


def test_a_deployment_that_ec2_is_silent_about_stays_as_it_is() -> None:
    two = a_deployment(images={"amd64": "ami-1", "arm64": "ami-2"})
    said: dict[str, tuple[str, ...]] = {
        "us-east-1/amd64/hvm": ("unknown",),
        "eu-west-1/amd64/hvm": ("missing",),
    }
    for status in (Status.UNKNOWN, Status.INVALID):
        assert confirmed(two, Check(status=status, at=LATER, reasons=said), HOME) == two


def test_a_deployment_that_was_confirmed_just_now_is_not_written_again() -> None:
    assert confirmed(a_deployment(), VALID, HOME) == a_deployment()
