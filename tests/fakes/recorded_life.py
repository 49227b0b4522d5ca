"""The lives of four recordings of one day, from capture to the end of their keys.

One is refused after the call, one is held and let go again, one is refused while it is
held past its day, and one is a neighbour to whom nothing happens. A fifth comes to
nothing because it is no audio, and a sixth is abandoned half-way. What comes when,
within what is possible, hangs on a seed.
"""

import io
import random  # noqa: TID251  # repeatable by its seed
import wave
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from proxy.errors import BadAudioError, OutcomeClosedError
from proxy.platforms.base import CallOptedOut
from proxy.site import Site
from proxy.vault.holding import NoHoldError
from retention.holds import Authority, Hold

KEPT_DAYS = 3
CONNECTION = "pbx"
NAMES = ("refused", "released", "held", "neighbour")
SPOILED = "spoiled"  # has a call, and never a recording
_PACE = timedelta(minutes=5)
_ACTOR = "dpo-1"
_NO_AUDIO = b"<html>no audio</html>" * 100


@dataclass(frozen=True)
class Step:
    """Something that happens to a recording, or to all of them; at a time."""

    what: str
    whom: str = ""
    at: timedelta = timedelta()
    """Since the beginning, which is in the morning of a day."""

    def __str__(self) -> str:
        return f"{self.what} {self.whom}".strip()


@dataclass(frozen=True)
class Fate:
    """How it stands with a recording: absent, kept, held or gone.

    `is_buried`: not even an older copy of everything but the keys opens it any more.
    """

    status: str = "absent"
    is_buried: bool = False


def script(seed: int) -> list[Step]:
    """What happens, in order."""
    dice = random.Random(seed)  # noqa: S311 - it must be the same again
    is_released_at_night = dice.random() < 0.5
    strands = [
        ["capture refused", "refuse refused"],
        ["capture released", "hold released"],
        ["capture held", "hold held", "refuse held"],
        ["capture neighbour"],
        ["spoil", "abandon"],
    ]
    if not is_released_at_night:
        strands[1].append("release released")
    day = _shuffled(dice, strands)
    release = ["release released"] if is_released_at_night else []
    return [
        *_in_turn(day, _PACE),
        *_in_turn(["sweep night", "tidy", *release], _later(1, 0)),
        *_in_turn(["sweep expired"], _later(3, 13)),
        *_in_turn(["sweep day"], _later(4, 0)),
        *_in_turn(["sweep hold"], _later(4, 13)),
        *_in_turn(["sweep end", "tidy"], _later(5, 0)),
    ]


def _shuffled(dice: random.Random, strands: list[list[str]]) -> list[str]:
    """Each strand in its own order."""
    told: list[str] = []
    while left := [strand for strand in strands if strand]:
        told.append(dice.choice(left).pop(0))
    return told


def _later(days: int, hour: int) -> timedelta:
    """Days and hours since the midnight before a beginning at ten."""
    return timedelta(days=days, hours=hour - 10, minutes=20)


def _in_turn(told: Sequence[str], first: timedelta) -> list[Step]:
    steps = []
    for number, text in enumerate(told):
        what, _, whom = text.partition(" ")
        steps.append(Step(what, whom, first + number * _PACE))
    return steps


_CHANGES = {
    "capture": "kept",
    "hold": "held",
    "release": "kept",
    "refuse": "gone",
}


def fates(steps: Sequence[Step]) -> dict[str, Fate]:
    """How it stands with each after these steps."""
    found = dict.fromkeys(NAMES, Fate())
    for step in steps:
        if step.what == "refuse" and found[step.whom].status == "held":
            continue  # it goes when its hold ends
        if step.what in _CHANGES:
            found[step.whom] = Fate(_CHANGES[step.what])
        elif step.what == "sweep":
            found |= _SWEPT.get(step.whom, {})
    return found


_BURIED = Fate("gone", is_buried=True)
_SWEPT = {
    "night": {"refused": _BURIED},
    "expired": {"released": Fate("gone"), "neighbour": Fate("gone")},
    "day": {"released": _BURIED, "neighbour": _BURIED},
    "hold": {"held": Fate("gone")},
    "end": {"held": _BURIED},
}


def audio_of(seed: int, name: str) -> bytes:
    """A quarter of a second of noise, the same each time."""
    noise = random.Random(f"{seed} {name}").randbytes(4000)  # noqa: S311 - noise
    file = io.BytesIO()
    with wave.open(file, "wb") as audio:
        audio.setnchannels(1)
        audio.setsampwidth(2)
        audio.setframerate(8000)
        audio.writeframes(noise)
    return file.getvalue()


@dataclass(frozen=True)
class Life:
    """Takes the steps on a site; each may be taken again when nobody knows."""

    site: Site
    calls: dict[str, tuple[str, UUID]]
    """The call id and the decision of each, by its name."""
    seed: int

    async def take(self, step: Step) -> None:
        """Raises PonctuelError as a platform or a person would be told."""
        await getattr(self, f"_{step.what}")(step)

    async def _capture(self, step: Step) -> None:
        _, decision_id = self.calls[step.whom]
        try:
            call = await self.site.audio.admit(decision_id, CONNECTION)
        except OutcomeClosedError:  # it was kept, and the answer was lost
            return
        await self.site.audio.take(call, _stream(audio_of(self.seed, step.whom)))

    async def _spoil(self, _: Step) -> None:
        _, decision_id = self.calls[SPOILED]
        with suppress(OutcomeClosedError, BadAudioError):
            call = await self.site.audio.admit(decision_id, CONNECTION)
            await self.site.audio.take(call, _stream(_NO_AUDIO))

    async def _abandon(self, _: Step) -> None:
        """As if whoever had sealed it died then; to be found by `tidy`."""
        await self.site.vault.seal(_stream(audio_of(self.seed, "abandoned")))

    async def _refuse(self, step: Step) -> None:
        call_id, _ = self.calls[step.whom]
        await self.site.calls.handle(CONNECTION, CallOptedOut(call_id=call_id))

    async def _hold(self, step: Step) -> None:
        days = 4 if step.whom == "held" else 2
        hold = Hold(
            Authority.CLAIM,
            "claim 2026/7",
            "a claim is being defended",
            _midday(self.site.clock() + timedelta(days=days)),
        )
        await self.site.parts.holds.place(await self.recording(step.whom), hold, _ACTOR)

    async def _release(self, step: Step) -> None:
        recording = await self.recording(step.whom)
        for hold in await self.site.parts.holds.list():
            if hold["recording_id"] == recording:
                with suppress(NoHoldError):
                    await self.site.parts.holds.release(hold["hold_id"], _ACTOR)

    async def _sweep(self, _: Step) -> None:
        await self.site.sweep()

    async def _tidy(self, _: Step) -> None:
        await self.site.shelf.remove_unfinished()

    async def recording(self, name: str) -> UUID | None:
        """The id of a recording as the index has it now."""
        _, decision_id = self.calls[name]
        for row in await self.site.vault.list():
            if row["decision_id"] == decision_id:
                return UUID(str(row["recording_id"]))
        return None


def _midday(at: datetime) -> datetime:
    return at.replace(hour=12, minute=0)


async def _stream(audio: bytes) -> AsyncIterator[bytes]:
    yield audio
