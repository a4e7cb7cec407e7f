"""Every set looked at; what tracks moves, what follows follows, what programs read is put."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from railyard.model.ami_sets import Action, Content, Follow, SetImage, Status
from tests.functions.validate_ami_sets.world import AWAY, HOME, World, an_image, content

PARAMETER = "/railyard/ami-sets/base/amd64-hvm"


def world(follow: Follow = Follow.NEVER) -> World:
    """A set of two regions, deployed to a pool, and validated."""
    made = World()
    made.make("base", content(us_east_1="ami-1", eu_west_1="ami-2"))
    made.deploy("base", follow=follow)
    made.validate()
    return made


def actions(made: World, name: str = "base") -> list[str]:
    return [
        part.action
        for (key, _), part in sorted(made.parts.items())
        if key == name and hasattr(part, "action")
    ]


# Validation


def test_a_sound_set_is_valid_and_what_pools_launch_of_it_is_confirmed() -> None:
    made = world()
    outcome = made.validate(hours=1)
    assert (made.status("base"), outcome.validated, outcome.invalid) == (Status.VALID, 1, {})
    assert made.pools["default"].checked_at == made.now
    assert made.heads["base"].last_good == 1


def test_an_image_that_vanishes_makes_the_set_invalid_with_its_reason_and_is_told_once() -> None:
    made = world()
    del made.images[HOME]["ami-1"]
    outcome = made.validate(hours=1)
    assert (made.status("base"), outcome.turned) == (Status.INVALID, ["base"])
    assert outcome.invalid == {"base": ("us-east-1/amd64/hvm: missing",)}
    assert made.pools["default"].defects == {"amd64": ("missing",)}
    assert (made.validate(hours=1).turned, made.heads["base"].last_good) == ([], 1)
    made.show(an_image("ami-1"))
    assert made.validate(hours=1).turned == []
    assert (made.status("base"), made.pools["default"].defects) == (Status.VALID, {})


def test_an_image_that_vanishes_elsewhere_leaves_the_pools_here_alone() -> None:
    made = world()
    del made.images[AWAY]["ami-2"]
    made.validate(hours=1)
    assert made.status("base") is Status.INVALID
    assert made.pools["default"].defects == {}


def test_an_ec2_that_does_not_answer_changes_nothing_that_it_said_before() -> None:
    made = world()
    before = made.heads["base"], made.pools["default"]
    made.silent = {HOME}
    outcome = made.validate(hours=1)
    assert (made.heads["base"], made.pools["default"]) == before
    assert (outcome.turned, made.status("base")) == ([], Status.VALID)


def test_of_a_set_that_ec2_never_spoke_about_nothing_is_known() -> None:
    made = World()
    made.silent = {HOME}
    made.make("base", content(us_east_1="ami-1"))
    assert made.validate().unknown == ["base"]
    assert made.status("base") is Status.UNKNOWN


def test_the_wrong_kind_of_image_is_named() -> None:
    made = world()
    made.show(an_image("ami-1", architecture="arm64", virtualization="paravirtual"))
    outcome = made.validate(hours=1)
    assert outcome.invalid["base"] == ("us-east-1/amd64/hvm: wrong_architecture, wrong_virtualization",)


def test_an_old_version_is_looked_at_as_long_as_it_is_deployed() -> None:
    made = world()
    made.make("base", content(us_east_1="ami-3"))
    del made.images[HOME]["ami-1"]
    made.validate(hours=1)
    head = made.heads["base"]
    assert (head.status(1), head.status(2)) == (Status.INVALID, Status.VALID)
    assert made.pools["default"].defects == {"amd64": ("missing",)}


def test_a_set_that_somebody_changes_meanwhile_is_looked_at_again_as_he_left_it() -> None:
    made = world()
    made.make("other", content(us_east_1="ami-9"))

    def change() -> None:
        made.rival = None
        made.make("base", content(us_east_1="ami-3"))

    made.rival = change
    outcome = made.validate(hours=1)
    assert (outcome.overtaken, outcome.validated) == ([], 2)
    assert (made.heads["base"].number, made.status("base")) == (2, Status.VALID)
    assert made.pools["default"].checked_at == made.now


def test_a_set_that_somebody_keeps_changing_is_left_to_the_next_run() -> None:
    made = world()
    numbers = iter(range(3, 99))
    made.rival = lambda: made.make("base", content(us_east_1=f"ami-{next(numbers)}"))
    assert made.validate(hours=1).overtaken == ["base"]


def test_34_images_of_17_regions_cost_22_calls() -> None:
    made = World()
    regions = [f"eu-west-{n}" for n in range(1, 17)] + [HOME]
    images = tuple(
        SetImage(region=region, architecture=a, image_id=f"ami-{region}{'-arm' if a == 'arm64' else ''}")
        for region in regions
        for a in ("amd64", "arm64")
    )
    made.make("base", Content(images=images))
    made.deploy("base")
    made.validate()
    made.validate(hours=1)
    calls = Counter(made.calls)
    assert calls == {"Scan": 1, "BatchGetItem": 2, "DescribeImages": 17, "TransactWriteItems": 1}
    assert calls.total() <= 22


# Tracking


def tracking(follow: Follow | None = None) -> World:
    """A set that has version 1 of what its channel has."""
    made = World()
    made.release("stable", us_east_1="ami-1", eu_west_1="ami-2")
    made.release("stable", "arm64", us_east_1="ami-1-arm")
    made.make("base", Content(images=(), tracks="stable"))
    made.validate()
    if follow:
        made.deploy("base", follow=follow)
    return made


def test_a_set_that_tracks_a_channel_has_every_image_of_it() -> None:
    made = tracking()
    assert {each.key: each.image_id for each in made.heads["base"].content.images} == {
        "us-east-1/amd64/hvm": "ami-1",
        "eu-west-1/amd64/hvm": "ami-2",
        "us-east-1/arm64/hvm": "ami-1-arm",
    }
    assert made.status("base") is Status.VALID


def test_a_new_release_is_the_next_version_and_the_same_one_is_none() -> None:
    made = tracking()
    number = made.heads["base"].number
    assert [change.audit.action for change in made.validate(hours=1).changed if change.audit] == []
    made.release("stable", us_east_1="ami-7", eu_west_1="ami-8")
    (change,) = made.validate(hours=1).changed
    assert change.audit
    assert (change.audit.action, change.after.number) == (Action.TRACKED, number + 1)
    assert made.heads["base"].content.image(HOME, "amd64") == "ami-7"


def test_a_channel_without_a_release_makes_no_version() -> None:
    made = tracking()
    made.held.clear()
    assert made.validate(hours=1).changed == []


# Following


def test_a_pool_that_follows_at_once_takes_the_next_version_as_its_deployer_agreed() -> None:
    made = tracking(Follow.NOW)
    made.release("stable", us_east_1="ami-7", eu_west_1="ami-8")
    made.validate(hours=1)
    deployed = made.pools["default"]
    assert (deployed.number, deployed.images, deployed.by) == (
        made.heads["base"].number,
        {"amd64": "ami-7"},
        "deployer",
    )
    assert made.heads["base"].deployed == {"default": deployed.number}
    assert actions(made)[-2:] == [Action.TRACKED, Action.FOLLOWED]


def test_a_pool_that_follows_late_waits_until_the_version_has_been_valid_for_the_bake_time() -> None:
    made = tracking(Follow.AFTER_BAKE)
    before = made.pools["default"].number
    made.release("stable", us_east_1="ami-7", eu_west_1="ami-8")
    made.validate(hours=1)
    made.validate(minutes=29)
    assert made.pools["default"].number == before
    made.validate(minutes=1)
    assert made.pools["default"].images == {"amd64": "ami-7"}


def test_what_turned_bad_while_it_baked_begins_anew() -> None:
    made = tracking(Follow.AFTER_BAKE)
    made.release("stable", us_east_1="ami-7", eu_west_1="ami-8")
    made.validate(hours=1)
    del made.images[AWAY]["ami-8"]
    made.validate(minutes=20)
    made.show(an_image("ami-8", AWAY))
    made.validate(minutes=10)
    assert made.pools["default"].images == {"amd64": "ami-1"}
    made.validate(minutes=30)
    assert made.pools["default"].images == {"amd64": "ami-7"}


def test_a_pool_that_never_follows_stays() -> None:
    made = tracking(Follow.NEVER)
    before = made.pools["default"].number
    made.release("stable", us_east_1="ami-7", eu_west_1="ami-8")
    made.validate(hours=48)
    assert made.pools["default"].number == before


def test_a_version_that_is_not_valid_is_not_followed() -> None:
    made = tracking(Follow.NOW)
    made.release("stable", us_east_1="ami-7", eu_west_1="ami-8")
    made.show(an_image("ami-8", AWAY, state="pending"))
    made.validate(hours=1)
    assert made.pools["default"].images == {"amd64": "ami-1"}


def test_a_version_without_an_image_for_the_pool_is_not_followed() -> None:
    made = tracking(Follow.NOW)
    made.release("stable", eu_west_1="ami-8")
    made.validate(hours=1)
    assert made.pools["default"].images == {"amd64": "ami-1"}
    made.validate(hours=1)


# Publishing


def test_a_valid_version_is_put_where_programs_read_it_once() -> None:
    made = world()
    assert (made.values[HOME, PARAMETER], made.values[AWAY, PARAMETER]) == ("ami-1", "ami-2")
    made.validate(hours=1)
    assert "PutParameter" not in made.calls


def test_an_invalid_version_leaves_the_last_good_one_published() -> None:
    made = world()
    made.make("base", content(us_east_1="ami-3"))
    del made.images[HOME]["ami-3"]
    made.validate(hours=1)
    assert made.values[HOME, PARAMETER] == "ami-1"


def test_what_ssm_drops_is_named_and_put_again() -> None:
    made = World()
    made.make("base", content(us_east_1="ami-1", eu_west_1="ami-2"))
    made.dropped = {AWAY}
    assert made.validate().unpublished == {"base": [AWAY]}
    made.dropped = set()
    assert made.validate(hours=1).unpublished == {}
    assert made.values[AWAY, PARAMETER] == "ami-2"


def test_a_removed_set_is_left_alone() -> None:
    made = World()
    made.make("base", content(us_east_1="ami-1"))
    made.heads["base"] = replace(made.heads["base"], removed=True)
    assert made.validate().validated == 0
