"""The night: a release arrives, is tried, is in force, and is taken back in one step."""

from __future__ import annotations

from typing import Any

from local.demo.day import Day
from local.demo.telling import expect
from local.releases import CURRENT, PREVIOUS

CANARY = {"architectures": ["amd64", "arm64"], "sharing": ["exclusive"]}
CONTEXT = {"images": {"canary_pool": "canary", "bake_minutes": 30}, "pools": {"canary": CANARY}}
"""What the day's stage has beside ``railyard.toml``: a pool in which releases are tried."""


def night(day: Day) -> None:
    """Flatcar publishes; one machine has to live with it before anybody else; then somebody has doubts."""
    old = day.parameter("amd64", "image")
    day.world.feed.set("current")
    with day.teller.busy(f"the night: Flatcar publishes {CURRENT}"):
        day.pass_time(3600)
    trial = _line(day)["candidate"]
    expect(trial is not None and trial["release"] == CURRENT, f"{CURRENT} is not on trial")
    expect(len(day.machines()) == 2, "no canary runs for each architecture")
    expect(day.parameter("amd64", "image") == old, "a release on trial is launched by everybody")
    day.teller.say(f"[cyan]candidate[/cyan]  {CURRENT}: two canaries run it, all others launch {PREVIOUS}")
    with day.teller.busy("half an hour of good health is what it takes"):
        day.pass_time(3600)
    line, new = _line(day), day.parameter("amd64", "image")
    expect(new != old and line["release"] == CURRENT, f"{CURRENT} is not in force")
    day.teller.say(f"[green]in force[/green]   {CURRENT} in {len(line['images'])} regions: {new}")
    expect(_launched(day, "night") == new, "a request did not run the new release")
    day.api("POST", "/amis/stable/amd64/rollback", {"reason": "the night shift has doubts"})
    day.world.drain()
    day.pass_time(60)
    expect(day.parameter("amd64", "image") == old, "the rollback was not carried out")
    day.teller.say(f"[yellow]rolled back[/yellow] to {PREVIOUS}, and pinned there: {old}")
    expect(_launched(day, "after-midnight") == old, "a request did not run the old release")
    day.pass_time(900)
    expect(day.machines() == [], f"{len(day.machines())} machines were left running")


def _line(day: Day) -> Any:
    return day.api("GET", "/amis/stable/amd64")


def _launched(day: Day, request_id: str) -> str:
    """Ask for a machine, give it back, and return the image that it ran."""
    day.ask(request_id, 2, 4096, market="on-demand")
    for _ in range(6):
        if request_id not in day.events("fulfilled"):
            day.pass_time(30)
    expect(request_id in day.events("fulfilled"), f"{request_id} was not answered")
    (share,) = day.events("fulfilled")[request_id]["allocations"]
    day.lease("release", request_id)
    day.pass_time(10)
    return str(share["image_id"])
