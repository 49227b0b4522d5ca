"""kill -9 and faults at every call to the outside in four recordings' lives.

What each process asks of PostgreSQL, of the object store and of the key store, from
capture through refusal, renewal, holds and expiry to the destruction of the keys, is
first written down in an undisturbed life. Then something goes wrong at each of these
points: the process is killed there, the call fails, or it fails though it was done.
One life has one such fault in each of its steps, is taken up again after each, and
everything is looked at then.

Between two calls that change something nothing changes outside, so that to be killed
after the one is to be killed before the other: that is done once.

What comes when hangs on a seed; PONCTUEL_MATRIX_SEED repeats what was told with it.
"""

import asyncio
import itertools
import json
import os
import random  # noqa: TID251  # a seed repeats a life; no draw depends on it
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.call_centre import CallCentre
from tests.fakes.outer_edge import Mode
from tests.fakes.recorded_life import KEPT_DAYS, NAMES, SPOILED, script

SEED = int(os.environ.get("PONCTUEL_MATRIX_SEED", "1"))
STEPS = script(SEED)
SHORT_LIVES = 2
ENOUGH = 20  # problems: whatever broke this much is seen by now
POINTS_OF_A_START = 20  # that concern what is dead; where there are less, it lives

# Without these the points would not be those of a recording's life.
LEAST = (
    "SQL vault.insert_recording",
    "SQL vault.delete_recordings",
    "SQL vault.insert_hold",
    "SQL vault.end_hold",
    "SQL vault.move_keys",
    "SQL vault.mark_key_destroyed",
    "SQL vault.finish_object",
    "SQL COMMIT;",
)

Points = list[list[dict[str, Any]]]
"""Of each step."""
Fault = tuple[int, Mode]
Plan = dict[int, Fault]


@pytest.fixture(scope="module")
def mortals() -> Iterator[subprocess.Popen[str]]:
    """The process that goes through lives."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.mortal_process"],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield process
        process.kill()


@dataclass
class Lives:
    """Goes through lives that begin alike."""

    mortals: subprocess.Popen[str]
    order: dict[str, Any]

    async def go(
        self, plan: Plan, starts: dict[int, int] | None = None
    ) -> dict[str, Any]:
        """What came of one."""
        told = self.order | {"plan": plan, "starts": starts or {}}
        order = json.dumps(told, default=str)
        self.mortals.stdin.write(f"{order}\n")
        self.mortals.stdin.flush()
        answer = await asyncio.to_thread(self.mortals.stdout.readline)
        return dict(json.loads(answer))

    async def undisturbed(self) -> Points:
        """Every point there is."""
        said = await self.go({})
        assert said["found"] == []
        assert len(said["points"]) == len(STEPS)
        return list(said["points"])

    async def problems(self, plan: Plan, points: Points) -> list[str]:
        """What is wrong after a life with these faults, by the fault that did it."""
        said = await self.go(plan)
        unmet = [step for step in plan if not _is_met(said, step, plan, points)]
        if not said["found"] and not unmet:
            return []
        if len(plan) == 1:
            [told] = [_told(step, plan, points) for step in plan]
            return [f"{told}: {what}" for what in said["found"] or ["was not met"]]
        # Together they led elsewhere, or to something wrong: which of them, alone?
        doubtful = plan if said["found"] else unmet
        alone = [await self.problems({n: plan[n]}, points) for n in doubtful]
        told = "; ".join(_told(step, plan, points) for step in plan)
        together = [f"together, {told}: {what}" for what in said["found"]]
        return [*itertools.chain(*alone)] or together


def _is_met(said: dict[str, Any], step: int, plan: Plan, points: Points) -> bool:
    """Whether a fault struck, and where it was meant to."""
    return [step, points[step][plan[step][0]]["name"]] in said["struck"]


def _told(step: int, plan: Plan, points: Points) -> str:
    place, mode = plan[step]
    return f"{STEPS[step]}, {mode} {points[step][place]['name']} ({place})"


def changing(points: list[dict[str, Any]]) -> list[int]:
    return [place for place, point in enumerate(points) if point["changes"]]


def deaths(points: list[dict[str, Any]]) -> list[Fault]:
    """Before each call that changes something, and after the last one."""
    places = changing(points)
    after = [(place, Mode.DIE_AFTER) for place in places[-1:]]
    return [*((place, Mode.DIE_BEFORE) for place in places), *after]


def failures(points: list[dict[str, Any]]) -> list[Fault]:
    return [(place, Mode.FAIL) for place in range(len(points))]


def lost_answers(points: list[dict[str, Any]]) -> list[Fault]:
    return [(place, Mode.FAIL_THOUGH_DONE) for place in changing(points)]


def plans(faults: list[list[Fault]]) -> Iterator[Plan]:
    """Each fault once: in every life one of each step, while there are any."""
    dice = random.Random(SEED)  # noqa: S311 - it must be the same again
    for each in faults:
        dice.shuffle(each)
    for told in itertools.zip_longest(*faults):
        yield {step: fault for step, fault in enumerate(told) if fault}


class RecordedLifeSuite:
    """Subclasses name themselves Test… and say where objects and keys lie."""

    stores: tuple[str, ...]
    """How an object comes and goes there, and a key."""

    @pytest.fixture
    async def lives(
        self,
        centre: CallCentre,
        mortals: subprocess.Popen[str],
        vault: dict[str, Any],
    ) -> Lives:
        """Of four calls that were drawn and announced, and have no recording yet."""
        policy = centre.policy(kept_days=KEPT_DAYS)
        await centre.open(policy=policy, vault=vault)
        calls = {}
        for name in (*NAMES, SPOILED):
            while not (call := await centre.start_call()).is_record:
                pass
            await centre.tell("call.announced", call)
            calls[name] = call.call_id, call.decision_id
        await centre.close()
        await centre.stop_looking()
        folder = centre.folder / "lives"
        folder.mkdir()
        order = {
            "settings": centre.plan(policy=policy, vault=vault),
            "template": centre.dsn,
            "folder": folder,
            "begun": centre.clock().isoformat(),
            "calls": calls,
            "seed": SEED,
        }
        return Lives(mortals, order)

    @pytest.mark.parametrize("wrong", [deaths, failures, lost_answers])
    async def test_whatever_goes_wrong_nothing_lives_too_long_or_dies_too_soon(
        self, lives: Lives, wrong: Callable[[list[dict[str, Any]]], list[Fault]]
    ) -> None:
        points = await lives.undisturbed()
        names = [point["name"] for each in points for point in each]
        for least in (*LEAST, *self.stores):
            assert any(name.startswith(least) for name in names), least
        faults = [wrong(each) for each in points]
        count = f"{sum(map(len, points))} points, {sum(map(len, faults))} faults"
        print(f"PONCTUEL_MATRIX_SEED={SEED}: {count}")  # noqa: T201 - for the log

        problems: list[str] = []
        for plan in plans(faults):
            problems += await lives.problems(plan, points)
            if len(problems) >= ENOUGH:
                break

        assert not problems, "\n".join([f"PONCTUEL_MATRIX_SEED={SEED}", *problems])

    async def test_a_start_that_dies_as_well_is_taken_up_by_the_next_one(
        self, lives: Lives
    ) -> None:
        points = await lives.undisturbed()
        dice = random.Random(SEED)  # noqa: S311 - it must be the same again
        problems, died = [], 0
        for _ in range(SHORT_LIVES):
            plan = {
                step: dice.choice(faults)
                for step, each in enumerate(points)
                if (faults := deaths(each))
            }
            starts = {step: dice.randrange(POINTS_OF_A_START) for step in plan}
            said = await lives.go(plan, starts)
            problems += [f"{plan}, {starts}: {what}" for what in said["found"]]
            died += sum(step < 0 for step, _ in said["struck"])

        assert not problems, "\n".join([f"PONCTUEL_MATRIX_SEED={SEED}", *problems])
        assert died > SHORT_LIVES
