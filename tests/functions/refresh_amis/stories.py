"""What the stories of refresh_amis have in common: a line's world, and what is asked of a step."""

from __future__ import annotations

from dataclasses import replace

from railyard.model.releases import Hold, What
from refresh_amis.plan.deciding import Step
from refresh_amis.settings import Settings
from tests.functions.refresh_amis.world import (
    CANARY,
    REGIONS,
    SETTINGS,
    World,
    a_claim,
    an_image,
    image_id,
)

NEW = "4593.2.6"


def world(*versions: str, settings: Settings = SETTINGS) -> World:
    """A world of one line, refreshed with each of *versions* in turn."""
    made = World(a_claim(versions[0]), settings=replace(settings, architectures=("amd64",)))
    for version in versions:
        made.flatcar.publish(a_claim(version))
        made.refresh()
        made.pass_time(hours=1)
    return made


def held(found: Step) -> Hold:
    assert found.after.hold
    return found.after.hold


def told(found: Step) -> list[What]:
    return [each.what for each in found.told]


class Crash(Exception):
    """The function dies here."""


def crash_at(made: World, position: int) -> None:
    def effect(number: int) -> None:
        if number == position:
            raise Crash

    made.before_effect = effect


OVERRIDE = "/railyard/flatcar/stable/amd64/override"


VALIDATED, VERBATIM = (replace(SETTINGS, overrides=each) for each in ("validated", "verbatim"))


def trying(*, to: str = NEW) -> World:
    """A line on trial."""
    made = world("4593.2.5", settings=CANARY)
    made.flatcar.publish(a_claim(to))
    made.refresh()
    return made


FALLBACK = replace(SETTINGS, allow_fallback=("marketplace",))


def shelved(made: World, version: str) -> None:
    """Put Marketplace images of *version* on the shelf of every region."""
    for region in REGIONS:
        image = an_image(
            a_claim(version), region, name=f"Flatcar-stable-{version}-0d5f", owner="679593333241"
        )
        made.flatcar.shelf[region] = replace(image, image_id=f"ami-market-{region}")
        made.flatcar.images[region][f"ami-market-{region}"] = replace(image, image_id=f"ami-market-{region}")


def gone(made: World, version: str) -> None:
    """Let the images of *version* be gone everywhere."""
    for region in REGIONS:
        del made.flatcar.images[region][image_id(version, region)]
