"""Which old copies may go, as laws: only ours, never one that a record names, never more than the budget."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from railyard.errors import Throttled
from railyard.model import ownership
from railyard.model.copies import HOME as MADE_AT
from railyard.model.copies import Copy, Maker
from railyard.model.images import Image
from railyard.model.releases import Candidate, Feed, Line, Pin, Placed, Publishing, Release
from refresh_amis.plan.copying import BUDGET, KEPT, Clearing, Copies, aged, clear
from tests.builders import NOW

MAKER = Maker(stack="railyard", home="us-east-1")
REGIONS = ("us-east-1", "eu-west-1")
LINES = ("stable#amd64", "stable#arm64", "beta#amd64")
RELEASES = ("1.0.0", "1.0.1")
SOMETIMES = st.sampled_from((True, True, True, True, False))
IDS = [f"ami-{number}" for number in range(60)]


@st.composite
def any_copies(draw: st.DrawFn) -> dict[str, tuple[Copy, ...]]:
    """Copies of several lines, of any age; some are another deployment's, held, or no copies at all."""
    found: dict[str, list[Copy]] = {region: [] for region in REGIONS}
    for image_id in draw(st.sets(st.sampled_from(IDS), min_size=10)):
        region = draw(st.sampled_from(REGIONS))
        days = draw(st.integers(28, 62))
        oddity = draw(st.sampled_from((*[""] * 12, "stack", "home", "source", "hold", "age")))
        image = Image(
            image_id=image_id, region=region, name=image_id, owner="1", architecture="amd64", virtualization="hvm",
            root_device="ebs", state="available", public=False,
            created_at="" if oddity == "age" else (NOW - timedelta(days=days)).isoformat(),
        )  # fmt: skip
        tags = {
            ownership.STACK: "other" if oddity == "stack" else "railyard",
            MADE_AT: "eu-west-1" if oddity == "home" else "us-east-1",
            "railyard:line": draw(st.sampled_from((*LINES * 3, "alpha#amd64"))),
            "railyard:release": draw(st.sampled_from(("0.9.0", *RELEASES))),
        } | ({ownership.HOLD: ""} if oddity == "hold" else {})
        found[region].append(Copy(image=image, source="" if oddity == "source" else "ami-source", tags=tags))
    return {region: tuple(copies) for region, copies in found.items()}


def a_release(images: dict[str, str]) -> Release:
    return Release(
        release="1.0.0", images=images, source="feed", channel="stable", signature="verified", found_at=NOW
    )


@st.composite
def any_lines(draw: st.DrawFn) -> list[Line]:
    """The records of some lines, which name images in all the places where a record may."""
    lines = []
    for name in LINES[draw(st.sampled_from((0, 0, 0, 1))) :]:
        images = [
            draw(st.dictionaries(st.sampled_from(REGIONS), st.sampled_from(IDS), max_size=2))
            for _ in range(5)
        ]
        current, previous, tried, pinned = (
            a_release(each) if draw(SOMETIMES) else None for each in images[:4]
        )
        feed = draw(st.sampled_from((None, *RELEASES)))
        lines.append(
            Line(
                line=name,
                current=current,
                previous=previous,
                candidate=Candidate(release=tried, since=NOW) if tried else None,
                pin=Pin(release=pinned, by="ops", at=NOW) if pinned else None,
                placed={region: Placed(image=image, release="1.0.0") for region, image in images[4].items()},
                publishing=None if draw(SOMETIMES) else Publishing(release="1.0.0", until=NOW),
                feed=Feed(url="", etag="", release=feed, looked_at=NOW, settled=True) if feed else None,
            )
        )
    return lines


def cleared(copies: Copies, lines: list[Line]) -> Clearing:
    return clear(aged(copies, MAKER, NOW), lines, ())


@given(copies=any_copies(), lines=any_lines())
def test_no_copy_goes_that_a_record_names(copies: Copies, lines: list[Line]) -> None:
    due = {copy.image_id for copy in cleared(copies, lines).due}
    for line in lines:
        held = [each.release for each in (line.candidate, line.pin) if each]
        releases = [line.current, line.previous, *held]
        named = {image for each in releases if each for image in each.images.values()}
        assert not due & (named | {each.image for each in line.placed.values()})


@given(copies=any_copies(), lines=any_lines())
def test_only_old_copies_of_ours_go_whose_line_is_known_and_at_rest(
    copies: Copies, lines: list[Line]
) -> None:
    resting = {line.line: line for line in lines if line.current and not line.publishing}
    for copy in cleared(copies, lines).due:
        assert (copy.tags[ownership.STACK], copy.tags[MADE_AT]) == ("railyard", "us-east-1")
        assert copy.source
        assert ownership.HOLD not in copy.tags
        assert copy.image.created_at < (NOW - KEPT).isoformat()
        feed = resting[copy.tags["railyard:line"]].feed
        assert feed is None or feed.release != copy.tags["railyard:release"]


@given(copies=any_copies(), lines=any_lines())
def test_no_more_than_the_budget_goes_the_oldest_first_and_the_rest_is_counted(
    copies: Copies, lines: list[Line]
) -> None:
    clearing = cleared(copies, lines)
    assert len(clearing.due) <= BUDGET
    assert not clearing.deferred or len(clearing.due) == BUDGET
    ages = [copy.age for copy in clearing.due]
    assert ages == sorted(ages)


@given(copies=any_copies(), lines=any_lines())
def test_run_after_run_everything_goes_that_may_each_once_and_then_nothing(
    copies: dict[str, tuple[Copy, ...]], lines: list[Line]
) -> None:
    first = cleared(copies, lines)
    gone: set[str] = set()
    while (clearing := cleared(copies, lines)).due:
        now = {copy.image_id for copy in clearing.due}
        assert not gone & now
        gone |= now
        copies = {
            region: tuple(c for c in there if c.image_id not in now) for region, there in copies.items()
        }
    assert len(gone) == len(first.due) + first.deferred


@given(copies=any_copies(), lines=any_lines())
def test_nothing_goes_while_a_region_does_not_say_what_it_has(
    copies: dict[str, tuple[Copy, ...]], lines: list[Line]
) -> None:
    assert cleared({**copies, "sa-east-1": Throttled("busy")}, lines) == Clearing()


def test_a_copy_goes_when_it_is_older_than_a_month() -> None:
    image = Image(
        image_id="ami-1", region="us-east-1", name="n", owner="1", architecture="amd64", virtualization="hvm",
        root_device="ebs", state="failed", public=False, created_at=(NOW - KEPT).isoformat(),
    )  # fmt: skip
    copy = Copy(image=image, source="ami-0", tags=MAKER.tags | {"railyard:line": "stable#amd64"})
    line = Line(line="stable#amd64", current=a_release({}))
    assert cleared({"us-east-1": (copy,)}, [line]).due == ()
    older = replace(copy, image=replace(image, created_at=(NOW - KEPT - timedelta(seconds=1)).isoformat()))
    assert cleared({"us-east-1": (older,)}, [line]).due == (older,)
