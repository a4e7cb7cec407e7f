"""The day: a burst of requests, work, an interruption, and everybody goes home."""

from __future__ import annotations

import json

from local.demo.day import Day
from local.demo.telling import expect


def morning(day: Day) -> None:
    """The stack is new: images and the catalogue come first."""
    with day.teller.busy("refreshing images and the catalogue, as after every deployment"):
        day.world.drain()
        day.pass_time(60)
    for architecture in ("amd64", "arm64"):
        image = day.parameter(architecture, "image")
        shown = day.world.client("ec2").describe_images(ImageIds=[image])["Images"]
        expect(len(shown) == 1, f"the parameter of {architecture} holds {image}, which EC2 does not show")
        release = json.loads(day.parameter(architecture, "release"))
        expect(release["signature"] == "verified", f"the signature of {architecture} was not verified")
        day.teller.say(f"[green]stable/{architecture}[/green] = {image} ({shown[0]['Name']}, signed)")


def burst(day: Day) -> None:
    """Fourteen messages at once: six shapes, and what nobody should send."""
    day.teller.say(
        "a burst: small, large, arm64, a cluster of three, exclusive, on demand; and some nonsense"
    )
    for number in range(5):
        day.ask(f"small-{number}", 2, 4096)
    day.ask("large", 8, 61_440, market="on-demand")
    day.ask("arm", 4, 8192, need={"architecture": "arm64"}, lease_seconds=3600)
    day.ask("cluster", 4, 8192, count=3, lease_seconds=7200)
    day.ask("alone", 2, 4096, sharing="exclusive", market="on-demand")
    day.ask("forgotten", 2, 4096, lease_seconds=600)
    day.ask("huge", 900, 4096)
    day.ask("lost-pool", 2, 4096, pool="nowhere")
    day.send("RequestQueueUrl", "this is not JSON")
    day.ask("small-0", 2, 4096)  # a second delivery of the same request
    with day.teller.busy("waiting for the answers"):
        day.pass_time(60)
        day.ask("small-1", 64, 4096)  # other content under a known id
        day.pass_time(60)
    wanted = {*(f"small-{n}" for n in range(5)), "large", "arm", "cluster", "alone", "forgotten"}
    expect(set(day.events("fulfilled")) == wanted, f"fulfilled: {sorted(day.events('fulfilled'))}")
    codes = sorted(answer["reason"]["code"] for answer in day.answers if answer["event"] == "refused")
    expected = ["invalid_request", "request_id_conflict", "resources_exhausted", "unknown_pool"]
    expect(codes == expected, f"refused: {codes}")


def work(day: Day) -> None:
    """Leases are renewed, some are given back, and a machine that was given back is used again."""
    with day.teller.busy("working: leases are renewed every five minutes, one holder has forgotten to"):
        for _ in range(3):
            for request_id in (*(f"small-{n}" for n in range(5)), "large", "alone"):
                day.lease("renew", request_id)
            day.pass_time(300)
    expect("forgotten" in day.events("expired"), "the lease that nobody renewed did not lapse")
    for request_id in ("small-3", "small-4"):
        day.lease("release", request_id)
    before = {machine.instance_id for machine in day.machines()}
    day.pass_time(10)
    day.teller.say("two are given back; the next request finds a machine that already runs")
    day.ask("again", 2, 4096)
    day.pass_time(5)
    expect("again" in day.events("fulfilled"), "a request on an idle machine was not answered at once")
    used = day.events("fulfilled")["again"]["allocations"][0]["instance_id"]
    expect(used in before, "a machine was launched although one was idle")


def interruption(day: Day) -> None:
    """EC2 takes a spot machine back: its holder is warned, and told when it is gone."""
    spot = "small-0"
    (share,) = day.events("fulfilled")[spot]["allocations"]
    expect(share["market"] == "spot", f"{spot} is not on a spot machine")
    instance_id = share["instance_id"]
    day.teller.say(f"EC2 wants its spot machine {instance_id} of {spot} back in two minutes")
    day.world.ec2.interrupt(instance_id)
    with day.teller.busy("living through the interruption"):
        day.pass_time(30)
        expect(spot in day.events("warned"), "the holder was not warned")
        day.pass_time(180)
    expect(spot in day.events("lost"), "the holder was not told of the loss")


def evening(day: Day) -> None:
    """Everybody goes home; the reaper ends what is idle, and everything that was reserved is free again."""
    gone = {*day.events("released"), *day.events("expired"), *day.events("lost")}
    for request_id in sorted(set(day.events("fulfilled")) - gone):
        day.lease("release", request_id)
    with day.teller.busy("the evening: everything is given back; idle machines end after ten minutes"):
        for _ in range(4):
            day.pass_time(300)
            day.teller.say(f"{len(day.machines())} machines are alive")
    expect(day.machines() == [], f"{len(day.machines())} machines were left running")
    status = day.api("GET", "/status")
    for pool, left in status["pools"].items():
        expect(not any(left.values()), f"pool {pool} still counts {left}")
    day.teller.say("[green]nothing runs, nothing is counted any more[/green]")
