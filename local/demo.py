"""A day of Railyard, told in a minute: everything below happened, and the demo fails if it did not.

A virtual clock moves the day; machines, leases, schedules and queues follow it. The tables at the end are counted from
the answers that came to the reply queue and from the log of AWS calls, not from what the story expected.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from rich.console import Console
from rich.table import Table

from local.aws import reply_queue_name
from local.options import Options
from local.world import World

console = Console(highlight=False, width=118 if not sys.stdout.isatty() else None)
SILENCE_SECONDS = 5.0


class StoryBroken(RuntimeError):
    """Something that had to happen did not."""


class Teller:
    """Prints what happens, with the time of day in the story; never silent for long."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._spoken = self._started
        self.world: World | None = None

    def say(self, text: str) -> None:
        """Print one line of the story."""
        self._spoken = time.monotonic()
        clock = f"{self.world.clock.now():%H:%M:%S}" if self.world else "--:--:--"
        console.print(f"[dim]{clock}  +{self._spoken - self._started:4.0f} s[/dim]  {text}")

    @contextmanager
    def busy(self, what: str) -> Iterator[None]:
        """Say *what* is going on, and again whenever it has been silent for five seconds."""
        self.say(what)
        over = threading.Event()

        def remind() -> None:
            while not over.wait(0.5):
                if time.monotonic() - self._spoken >= SILENCE_SECONDS:
                    self.say(f"[dim]... still {what}[/dim]")

        reminder = threading.Thread(target=remind, daemon=True)
        reminder.start()
        try:
            yield
        finally:
            over.set()
            reminder.join()


class Day:
    """The requester's view of a world: what it asked, what it was answered."""

    def __init__(self, world: World, teller: Teller) -> None:
        self.world, self.teller = world, teller
        self.answers: list[dict[str, Any]] = []
        self.ended: dict[str, datetime] = {}
        world.ec2.listeners.append(self._watch)
        self._sqs = world.client("sqs")
        self._replies = self._sqs.get_queue_url(QueueName=reply_queue_name("railyard"))["QueueUrl"]

    def ask(self, request_id: str, vcpus: int, memory_mib: int, **more: Any) -> None:
        """Send an allocate; *more* are fields of the message, except requirements, which go by ``need``."""
        need = {"vcpus": vcpus, "memory_mib": memory_mib} | more.pop("need", {})
        body = {
            "version": 1,
            "action": "allocate",
            "request_id": request_id,
            "pool": "default",
            "reply_to": "local",
        }
        self.send("RequestQueueUrl", body | {"requirements": need} | more)

    def lease(self, action: str, request_id: str, **more: Any) -> None:
        """Send renew, release or cancel."""
        self.send(
            "LeaseQueueUrl", {"version": 1, "action": action, "request_id": request_id, "epoch": 1} | more
        )

    def send(self, queue: str, body: dict[str, Any] | str) -> None:
        """Send a message to one of the stack's queues, by the name of its output."""
        text = body if isinstance(body, str) else json.dumps(body)
        self._sqs.send_message(QueueUrl=self.world.outputs[queue], MessageBody=text)

    def pass_time(self, seconds: float) -> list[dict[str, Any]]:
        """Let time pass; return the answers that came, and tell them."""
        self.world.advance(seconds)
        came: list[dict[str, Any]] = []
        while True:
            found = self._sqs.receive_message(QueueUrl=self._replies, MaxNumberOfMessages=10).get(
                "Messages", []
            )
            if not found:
                break
            for message in found:
                came.append(json.loads(message["Body"]))
                self._sqs.delete_message(QueueUrl=self._replies, ReceiptHandle=message["ReceiptHandle"])
        for answer in came:
            self.teller.say(_told(answer))
        self.answers += came
        return came

    def events(self, event: str) -> dict[str, dict[str, Any]]:
        """Return the answers of one kind, by request id."""
        return {answer["request_id"]: answer for answer in self.answers if answer["event"] == event}

    def _watch(self, event: dict[str, Any]) -> None:
        """Note when a machine begins to end."""
        if event["detail"].get("state") == "shutting-down":
            self.ended[event["detail"]["instance-id"]] = self.world.clock.now()

    def machines(self) -> list[Any]:
        """Return the machines that EC2 has alive."""
        return [each for each in self.world.ec2.instances() if each.state in ("pending", "running")]


def main() -> None:
    """Tell the day; exit 1 if it did not go as promised."""
    teller = Teller()
    try:
        with teller.busy("starting the embedded AWS: template, layers, stack, workers"):
            world = World(Options(clock="virtual"))
            world.start()
        try:
            teller.world = world
            day = Day(world, teller)
            for chapter in (_morning, _burst, _work, _interruption, _evening):
                chapter(day)
            _report(day)
        finally:
            teller.world = None
            with teller.busy("stopping"):
                world.stop()
    except StoryBroken as broken:
        console.print(f"[red]the day went wrong: {broken}[/red]")
        sys.exit(1)


def _morning(day: Day) -> None:
    with day.teller.busy("refreshing images and the catalogue, as after every deployment"):
        day.world.drain()
        day.pass_time(60)
    for architecture in ("amd64", "arm64"):
        name = f"{day.world.outputs['ParameterPrefix']}/flatcar/stable/{architecture}/image"
        value = day.world.client("ssm").get_parameter(Name=name)["Parameter"]["Value"]
        shown = day.world.client("ec2").describe_images(ImageIds=[value])["Images"]
        _expect(len(shown) == 1, f"{name} holds {value}, which EC2 does not show")
        about = day.world.client("ssm").get_parameter(Name=name.replace("/image", "/release"))["Parameter"]
        release = json.loads(about["Value"])
        _expect(release["signature"] == "verified", f"the signature of {architecture} was not verified")
        day.teller.say(f"[green]{name}[/green] = {value} ({shown[0]['Name']}, signed)")


def _burst(day: Day) -> None:
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
    _expect(set(day.events("fulfilled")) == wanted, f"fulfilled: {sorted(day.events('fulfilled'))}")
    codes = sorted(answer["reason"]["code"] for answer in day.answers if answer["event"] == "refused")
    expected = ["invalid_request", "request_id_conflict", "resources_exhausted", "unknown_pool"]
    _expect(codes == expected, f"refused: {codes}")


def _work(day: Day) -> None:
    """Leases are renewed, some are given back, and a machine that was given back is used again."""
    with day.teller.busy("working: leases are renewed every five minutes, one holder has forgotten to"):
        for _ in range(3):
            for request_id in (*(f"small-{n}" for n in range(5)), "large", "alone"):
                day.lease("renew", request_id)
            day.pass_time(300)
    _expect("forgotten" in day.events("expired"), "the lease that nobody renewed did not lapse")
    for request_id in ("small-3", "small-4"):
        day.lease("release", request_id)
    before = {machine.instance_id for machine in day.machines()}
    day.pass_time(10)
    day.teller.say("two are given back; the next request finds a machine that already runs")
    day.ask("again", 2, 4096)
    day.pass_time(5)
    _expect("again" in day.events("fulfilled"), "a request on an idle machine was not answered at once")
    used = day.events("fulfilled")["again"]["allocations"][0]["instance_id"]
    _expect(used in before, "a machine was launched although one was idle")


def _interruption(day: Day) -> None:
    """EC2 takes a spot machine back: its holder is warned, and told when it is gone."""
    spot = "small-0"
    (share,) = day.events("fulfilled")[spot]["allocations"]
    _expect(share["market"] == "spot", f"{spot} is not on a spot machine")
    instance_id = share["instance_id"]
    day.teller.say(f"EC2 wants its spot machine {instance_id} of {spot} back in two minutes")
    day.world.ec2.interrupt(instance_id)
    with day.teller.busy("living through the interruption"):
        day.pass_time(30)
        _expect(spot in day.events("warned"), "the holder was not warned")
        day.pass_time(180)
    _expect(spot in day.events("lost"), "the holder was not told of the loss")


def _evening(day: Day) -> None:
    """Everybody goes home; the reaper ends what is idle, and everything that was reserved is free again."""
    gone = {*day.events("released"), *day.events("expired"), *day.events("lost")}
    for request_id in sorted(set(day.events("fulfilled")) - gone):
        day.lease("release", request_id)
    with day.teller.busy("the evening: everything is given back; idle machines end after ten minutes"):
        for _ in range(4):
            day.pass_time(300)
            day.teller.say(f"{len(day.machines())} machines are alive")
    _expect(day.machines() == [], f"{len(day.machines())} machines were left running")
    status = _status(day.world)
    for pool, left in status["pools"].items():
        _expect(not any(left.values()), f"pool {pool} still counts {left}")
    day.teller.say("[green]nothing runs, nothing is counted any more[/green]")


def _report(day: Day) -> None:
    """What was answered, and what was asked of AWS, as counted."""
    events = Counter(answer["event"] for answer in day.answers)
    what = Table(title="What the requester heard", title_justify="left")
    for column in ("event", "answers", "requests"):
        what.add_column(column)
    for event, count in events.most_common():
        names = sorted({str(a["request_id"]) for a in day.answers if a["event"] == event})
        what.add_row(event, str(count), ", ".join(names))
    console.print(what)
    console.print(_machines(day))
    asked = Table(title="What each function asked of AWS", title_justify="left")
    for column in ("function", "calls", "of which"):
        asked.add_column(column)
    for function, counts in sorted(_calls(day.world).items()):
        listed = ", ".join(f"{operation} {count}" for operation, count in counts.most_common())
        asked.add_row(function.removeprefix("railyard-"), str(counts.total()), listed)
    console.print(asked)


def _machines(day: Day) -> Table:
    table = Table(title="Machines of the day", title_justify="left")
    for column in ("instance", "type", "market", "zone", "lived", "USD/h at most"):
        table.add_column(column)
    prices = {
        share["instance_id"]: share["usd_per_hour"]
        for answer in day.answers
        for share in answer.get("allocations", ())
    }
    for machine in sorted(day.world.ec2.instances(), key=lambda each: each.launched_at):
        pool = machine.pool
        ended = day.ended.get(machine.instance_id, day.world.clock.now())
        lived = timedelta(seconds=round((ended - machine.launched_at).total_seconds()))
        price = prices.get(machine.instance_id)
        row = (machine.instance_id, pool.instance_type, pool.market, pool.zone, str(lived))
        table.add_row(*row, f"{price:.4f}" if price else "")
    return table


def _calls(world: World) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {}
    for call in world.calls():
        found.setdefault(call.function or "?", Counter())[call.operation] += 1
    return found


def _status(world: World) -> dict[str, Any]:
    event = {
        "httpMethod": "GET",
        "path": "/status",
        "requestContext": {"identity": {"caller": "AIDALOCALTEST"}},
    }
    body: dict[str, Any] = json.loads(world.invoke("serve_api", event)["body"])
    return body


def _told(answer: dict[str, Any]) -> str:
    name, event = answer["request_id"] or "(no id)", answer["event"]
    if event == "fulfilled":
        shares = answer["allocations"]
        machines = ", ".join(
            _unique(f"{s['instance_type']} {s['market']} {s['availability_zone']}" for s in shares)
        )
        return f"[green]{event:10}[/green] {name}: {machines}"
    if "reason" in answer:
        path = f" at {answer['reason']['path']}" if answer["reason"]["path"] else ""
        return f"[yellow]{event:10}[/yellow] {name}: {answer['reason']['code']}{path}"
    return f"[cyan]{event:10}[/cyan] {name}" + (f": {answer['message']}" if "message" in answer else "")


def _unique(texts: Iterable[str]) -> list[str]:
    return [f"{count} x {text}" if count > 1 else text for text, count in Counter(texts).items()]


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise StoryBroken(otherwise)
