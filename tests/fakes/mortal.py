"""One process of the service as it goes through recorded lives, and goes wrong as told.

What it has to say it writes to files, in case it dies: `place`, the step it is in;
`struck`, what went wrong; `found`, what should not be; `points`, in the end.
"""

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import proxy.site_sweep
from proxy.app import Service
from proxy.errors import PonctuelError
from proxy.settings import load_settings
from proxy.site import Site
from proxy.vault.objects import ObjectStore
from retention.keys import DayKey
from tests.fakes.hoard import Hoard
from tests.fakes.inquest import LONG_AFTER, Inquest
from tests.fakes.outer_edge import Edge, Mode
from tests.fakes.recorded_life import Life, Step, fates, script

ATTEMPTS = 3
START = -1  # of the first step; of later ones it is a lower number


def told(file: Path) -> list[Any]:
    """What processes have said in a file, one after the other."""
    if not file.exists():
        return []
    return [json.loads(line) for line in file.read_text().splitlines()]


class Mortal:
    """One process of the service, from its start to its death or to the end."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.order = order
        self.folder = Path(order["folder"])
        self.steps = script(order["seed"])
        self.begun = self.now = datetime.fromisoformat(order["begun"])
        self.edge = Edge(
            Path(order["settings"]["data_dir"]),
            self.folder / "struck",
            {
                int(step): (place, Mode(mode))
                for step, (place, mode) in order["plan"].items()
            },
        )

    async def live(self, first: int | None) -> None:
        """From the start on, or from a step that a process before this one began."""
        service = Service(load_settings(**self.order["settings"]), lambda: self.now)
        await service.open_sites()
        [site] = service.sites.values()
        objects = service._objects
        if first is None:
            await _begin_with_nothing(site, objects)
        self.site = site
        self.life = Life(site, self._calls(), self.order["seed"])
        hoard = Hoard(self.folder / "hoard", site, objects)
        self.inquest = Inquest(self.life, objects, hoard, self.folder)
        self.edge.install()
        hoard.watch()
        try:
            if first is not None:
                await self._look_at_the_dead(first)
            await self._live(first)
        finally:
            self._tell("found", *self.inquest.found)
        await service.stop()

    def _calls(self) -> dict[str, tuple[str, UUID]]:
        calls = self.order["calls"].items()
        return {name: (call_id, UUID(decision)) for name, (call_id, decision) in calls}

    async def _look_at_the_dead(self, first: int) -> None:
        """Before anything is put right."""
        await self.site.attach()
        when = f"when it died in {self.steps[first]}"
        await self.inquest.nothing_is_said_that_is_not(when)

    async def _live(self, first: int | None) -> None:
        self.now = self.begun + self.steps[first or 0].at
        # Of a sweep, what ends recordings and keys; other rows have ends of their own.
        sweep = self.edge.watching(proxy.site_sweep.sweep)
        vars(proxy.site_sweep).update(sweep=sweep)
        await self._start(first)
        if first is not None:
            self.edge.begin(first, is_safe=True)
            await self._hold(f"after the restart in {self.steps[first]}", first)
        for place in range(first or 0, len(self.steps)):
            await self._pass(place, is_again=place == first)
        await self._hold("in the end", len(self.steps) - 1, is_done=True)
        await self.site.replay_the_dead()  # as each start does
        await self.inquest.nothing_is_left("in the end")
        points = self.edge.points.items()
        of_steps = [list(map(asdict, them)) for step, them in points if step >= 0]
        self._tell("points", of_steps)

    async def _start(self, first: int | None) -> None:
        """As `serve` does; one that takes up a dead one's step may die too, once."""
        step = START - (first or 0)
        place = self.order["starts"].get(str(first))
        if place is not None and step not in dict(told(self.folder / "struck")):
            self.edge.plan[step] = place, Mode.DIE_BEFORE
        self.edge.begin(step)
        replay = self.edge.watching(self.site.replay_the_dead)
        vars(self.site).update(replay_the_dead=replay)
        await self.site.prepare()
        del vars(self.site)["replay_the_dead"]

    async def _pass(self, place: int, *, is_again: bool) -> None:
        """Take a step until it is done; look at everything if anything was wrong."""
        step = self.steps[place]
        self.now = self.begun + step.at
        (self.folder / "place").write_text(str(place))
        self.edge.begin(place, is_safe=is_again)
        await self._until_done(step, place)
        if place in self.edge.struck:
            await self.inquest.nothing_is_said_that_is_not(f"after {step}")
            await self.site.sweep()  # which comes every quarter of an hour
        if place in self.edge.struck or is_again or not self.edge.plan:
            await self._hold(f"after {step}", place, is_done=True)

    async def _until_done(self, step: Step, place: int) -> None:
        """As the product does, and who talks to it: after a fault, once more."""
        problem = None
        for _ in range(ATTEMPTS):
            was_whole = place not in self.edge.struck
            try:
                await self._take(step)
            except PonctuelError as error:
                problem = error
            else:
                is_quiet = step.what in ("sweep", "tidy")  # they tell the log only
                if not (is_quiet and was_whole and place in self.edge.struck):
                    return
        self.inquest.note(str(step), f"is never done: {problem!r}")

    async def _take(self, step: Step) -> None:
        if step.what == "sweep":
            await self.life.take(step)
            return
        with self.edge.watched():
            await self.life.take(step)

    async def _hold(self, when: str, place: int, *, is_done: bool = False) -> None:
        await self.site.tend()  # which comes every minute
        after = fates(self.steps[: place + 1])
        before = after if is_done else fates(self.steps[:place])
        await self.inquest.hold(when, before, after)

    def _tell(self, file: str, *what: Any) -> None:
        with (self.folder / file).open("a") as stream:
            stream.writelines(json.dumps(each) + "\n" for each in what)


async def _begin_with_nothing(site: Site, objects: ObjectStore) -> None:
    """Without what the life before has left in the stores that all of them use."""
    store = site.keys.store
    await store.open()
    for name in await store.names():
        if DayKey.named(name):
            await store.destroy(name)
    for name in await store.note_names(""):
        await store.remove_note(name)
    await objects.identity()
    async for object_id in objects.list():
        await objects.delete(object_id)
    await objects.remove_leftovers(LONG_AFTER)
