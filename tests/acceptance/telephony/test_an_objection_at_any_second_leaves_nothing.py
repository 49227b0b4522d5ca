"""Whenever in a call a caller objects, within a minute nothing of it is left (R15).

Real calls over SIP and RTP, many at once, and the service drew every one of them: each
caller objects at another moment, or by another way, and two do not. Their audio is
known, so every place where it could lie is searched for it; every packet that reached a
phone is counted, for the call itself must not suffer.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import pytest
from yarl import URL

from tests.acceptance.telephony.known_voices import KnownVoice
from tests.acceptance.telephony.lab import Call as SipCall
from tests.acceptance.telephony.lab import Lab, Own, running, until
from tests.acceptance.telephony.listening import Traffic, watching
from tests.acceptance.telephony.real_service import real_service
from tests.fakes.auditing import verdict_on
from tests.fakes.byte_search import Secrets
from tests.fakes.call_centre import LINE, Call, CallCentre
from tests.fakes.slow_road import SlowRoad

pytestmark = [
    pytest.mark.alone,
    pytest.mark.usefixtures("sip_platform"),
]

SECONDS = 14
WITHIN = 60.0
KEY = "9"
INFO = ("application/dtmf-relay", "Signal=9", "Duration=160")
INFO_AT = 5.0  # in the scenario
AGENT = KnownVoice(1, SECONDS + 2, pauses=True)
BYTES_A_SECOND = 32_000  # two channels of 16 bits
LONGEST_GAP = 1.5  # seconds between two packets: the machine's, not the platform's
PACKETS_A_SECOND = 50


Packet = tuple[float, int]  # when, and its number


@dataclass
class Moment:
    """One caller, and when and how they object."""

    when: str
    number: int
    digits_at: float | None = None
    by_info: bool = False
    told_at: float | None = None
    call: Call | None = None
    objected_at: float = 0.0
    gone_after: float = 0.0

    @property
    def voice(self) -> KnownVoice:
        keys = {} if self.digits_at is None else {"digits": KEY}
        at = self.digits_at or 0.0
        return KnownVoice(100 + self.number, SECONDS + 2, digits_at=at, **keys)

    @property
    def call_id(self) -> str:
        assert self.call
        return self.call.call_id

    @property
    def decision_id(self) -> str:
        assert self.call
        return self.call.decision_id


@dataclass
class Scene:
    """The lab, the service behind it, and all that may hold audio."""

    lab: Lab
    centre: CallCentre
    road: SlowRoad
    traffic: Traffic
    audio: tuple[Path, ...]
    database: Path
    secrets: dict[str, Secrets] = field(default_factory=dict)

    async def prepare(self, moment: Moment) -> None:
        """Know the caller's voice when it is heard."""
        voice = moment.voice.secrets(moment.when)
        self.secrets[moment.when] = await asyncio.to_thread(Secrets.of, voice)

    async def place(self, moment: Moment) -> None:
        """From INVITE to the caller's BYE, which is answered."""
        await self.lab.call(
            [
                SipCall(
                    f"+3361300{moment.number:04d}",
                    LINE,
                    info=INFO if moment.by_info else ("", "", ""),
                )
            ],
            per_second=1,
            milliseconds=1000 * SECONDS
            - round(1000 * INFO_AT if moment.by_info else 0),
            scenario="call_info.xml" if moment.by_info else "call.xml",
            voice=moment.voice,
            own=Own(moment.number, moment.call_id),
        )

    async def begun(self, moment: Moment) -> float:
        """When the caller's first packet reached the agent."""

        async def is_heard() -> bool:
            return any(ssrc == moment.voice.ssrc for _, ssrc in self.traffic.packets)

        await until(is_heard, "the call is up")
        return self.to_agent(moment)[0][0]

    def to_agent(self, moment: Moment) -> list[Packet]:
        phone = self.lab.ports.callee.media
        return self.traffic.stream(moment.voice.ssrc, range(phone, phone + 800))

    def to_caller(self, moment: Moment) -> list[Packet]:
        phone = self.lab.ports.another_caller(moment.number).media
        return self.traffic.stream(AGENT.ssrc, range(phone, phone + 50))

    def captures_of(self, moment: Moment) -> list[Path]:
        return [file for file in self.lab.captures() if moment.call_id in file.name]

    async def is_gone(self, moment: Moment) -> bool:
        if self.captures_of(moment):
            return False
        kept = await self.centre.rows(
            "SELECT recording_id FROM recordings WHERE decision_id::text = $1",
            moment.decision_id,
        )
        assert moment.call
        outcome, _ = await self.centre.outcome(moment.call)
        return not kept and outcome is not None

    async def see_it_gone(self, moment: Moment) -> None:
        async def condition() -> bool:
            return await self.is_gone(moment)

        await until(condition, f"nothing left: {moment.when}", WITHIN)
        moment.gone_after = time.monotonic() - moment.objected_at
        assert self.found(moment) == []

    def found(self, moment: Moment) -> list[str]:
        """Of this caller, where the platform captures."""
        return self.secrets[moment.when].in_files(self.lab.recordings)

    async def tell(self, moment: Moment) -> None:
        assert moment.call
        moment.objected_at = time.monotonic()
        await self.centre.tell("call.opt_out", moment.call)

    def told(self, moment: Moment) -> str:
        def around(packets: list[Packet]) -> str:
            before = sum(at < moment.objected_at for at, _ in packets)
            gap = longest_gap(
                [each for each in packets if each[0] > moment.objected_at]
            )
            return f"{before}+{len(packets) - before} packets, longest gap {gap:.2f} s"

        return (
            f"{moment.when}: gone after {moment.gone_after:.1f} s; "
            f"to the agent {around(self.to_agent(moment))}; "
            f"to the caller {around(self.to_caller(moment))}"
        )


@asynccontextmanager
async def scene(centre: CallCentre, folder: Path) -> AsyncIterator[Scene]:
    service = await real_service(centre)
    url = URL(service.target.url)
    road = SlowRoad(url.host or "", url.port or 0)
    async with (
        road.open(),
        running(folder, service.target, agent=AGENT, ship_to=road.address) as lab,
    ):
        first = lab.ports.first
        with watching(range(first + 100, first + 2000)) as traffic:
            database = Path(await centre.value("SHOW data_directory"))
            audio = (lab.recordings, centre.data_dir)
            yield Scene(lab, centre, road, traffic, audio, database)


Play = Callable[[Scene, Moment], Awaitable[None]]


async def by_itself(scene: Scene, moment: Moment) -> None:
    """Nothing objects but, perhaps, the caller's own key."""
    pressed = moment.digits_at or (INFO_AT if moment.by_info else None)
    async with asyncio.TaskGroup() as both:
        both.create_task(scene.place(moment))
        if pressed is not None:
            moment.objected_at = await scene.begun(moment) + pressed
            await asyncio.sleep(moment.objected_at - time.monotonic())
            await scene.see_it_gone(moment)


async def told_during(scene: Scene, moment: Moment) -> None:
    """At a second of the call, or as soon as the capture has begun."""
    async with asyncio.TaskGroup() as both:
        both.create_task(scene.place(moment))
        if moment.told_at is None:
            await _until_captured(scene, moment)
        else:
            tell_at = await scene.begun(moment) + moment.told_at
            await asyncio.sleep(tell_at - time.monotonic())
            assert scene.found(moment)  # the search would see it
        await scene.tell(moment)
        await scene.see_it_gone(moment)


async def _until_captured(scene: Scene, moment: Moment) -> None:
    async def is_captured() -> bool:
        return any(file.suffix == ".pcap" for file in scene.captures_of(moment))

    await until(is_captured, "the capture has begun")


async def told_after(scene: Scene, moment: Moment) -> None:
    await scene.place(moment)
    await scene.tell(moment)
    await scene.see_it_gone(moment)


async def told_while_it_is_uploaded(scene: Scene, moment: Moment) -> None:
    scene.road.hold(moment.decision_id)
    await scene.place(moment)
    async with asyncio.timeout(30):
        await scene.road.under_way.wait()
    assert await scene.centre.rows("SELECT FROM object_writes")
    await scene.tell(moment)
    await scene.see_it_gone(moment)


KEPT = [Moment("never", 1), Moment("never, either", 2)]
BY_EVERY_WAY = [
    (by_itself, Moment("while the announcement is played, by key", 3, digits_at=0.6)),
    (by_itself, Moment("in the middle, by key", 4, digits_at=6.0)),
    (by_itself, Moment("in the middle, by key as SIP INFO", 5, by_info=True)),
    (by_itself, Moment("in the last second, by key", 6, digits_at=SECONDS - 0.9)),
    (told_during, Moment("as soon as it is recorded, by a voice bot", 7)),
    (told_during, Moment("in the middle, by the agent", 8, told_at=7.0)),
    (told_during, Moment("in the last second, by a bot", 9, told_at=SECONDS - 0.9)),
    (told_after, Moment("right after the caller hung up", 10)),
    (told_while_it_is_uploaded, Moment("while it is uploaded", 11)),
]
AT_EVERY_SECOND = [
    (by_itself, Moment(f"{second} s into the call", 3 + second, digits_at=second + 0.3))
    for second in range(SECONDS)
]
WHERE_THE_CAPTURE_BEGINS = [
    (by_itself, Moment(f"{at:.2f} s into the call", 3 + number, digits_at=at))
    for number, at in enumerate(2 + 0.2 * step for step in range(12))
]


@pytest.mark.parametrize(
    "plan",
    [BY_EVERY_WAY, AT_EVERY_SECOND, WHERE_THE_CAPTURE_BEGINS],
    ids=["by every way", "at every second", "where the capture begins"],
)
async def test_nothing_is_left_within_the_minute_and_every_call_goes_on(
    plan: list[tuple[Play, Moment]], centre: CallCentre, tmp_path: Path
):
    objected = [replace(moment) for _, moment in plan]
    kept = [replace(moment) for moment in KEPT]
    plays = [play for play, _ in plan] + [by_itself] * len(kept)
    async with scene(centre, tmp_path / "lab") as here:
        calls = await drawn(centre, len(plays))
        for moment, moment.call in zip(objected + kept, calls, strict=True):
            await here.prepare(moment)
        async with asyncio.TaskGroup() as all_at_once:
            for play, moment in zip(plays, objected + kept, strict=True):
                all_at_once.create_task(play(here, moment))
        await here.lab.settled()
        await nothing_is_left(here, objected)
        for moment in objected:
            print(here.told(moment))  # noqa: T201 - pytest shows it where a test fails
            the_call_went_on(moment, here.to_agent(moment), here.to_caller(moment))
    await only_they_are_kept(centre, kept)
    await each_was_counted_once(centre, objected)
    centre.clock.advance(hours=2)
    await centre.site.tend()
    found = await verdict_on(centre, witnessed=False)

    assert (found["status"], found["findings"]) == (0, [])
    assert max(moment.gone_after for moment in objected) < WITHIN


async def drawn(centre: CallCentre, number: int) -> list[Call]:
    """Calls the service drew, by the Call-IDs that they will have."""
    calls: list[Call] = []
    while len(calls) < number:
        some = await asyncio.gather(*(centre.start_call() for _ in range(16)))
        calls += [call for call in some if call.is_record]
    return calls[:number]


async def nothing_is_left(here: Scene, objected: list[Moment]) -> None:
    """Not one audible excerpt of anybody who objected, nor of what the agent said."""
    voices = AGENT.secrets("the agent")
    shipped = AGENT.stereo_secrets("the agent")
    for moment in objected:
        voices |= moment.voice.secrets(moment.when)
        shipped |= moment.voice.stereo_secrets(moment.when)

    assert await found(voices, *here.audio, here.database) == []
    assert await found(shipped, *here.audio) == []


async def found(voices: dict[str, bytes], *places: Path) -> list[str]:
    secrets = await asyncio.to_thread(Secrets.of, voices)
    return await asyncio.to_thread(secrets.in_files, *places)


async def only_they_are_kept(centre: CallCentre, kept: list[Moment]) -> None:
    rows = await centre.rows("SELECT recording_id, decision_id FROM recordings")
    keys = await centre.rows("SELECT recording_id FROM recording_keys")
    ids = {row["recording_id"] for row in rows}

    assert {str(row["decision_id"]) for row in rows} == {m.decision_id for m in kept}
    assert {row["recording_id"] for row in keys} == ids
    assert {file.name for file in centre.objects()} == {each.hex for each in ids}
    assert await centre.rows("SELECT FROM object_writes") == []
    for recording_id in ids:
        audio = await centre.heard(str(recording_id))
        assert len(audio) > (SECONDS - 5) * BYTES_A_SECOND


async def each_was_counted_once(centre: CallCentre, objected: list[Moment]) -> None:
    counts = await centre.counts()
    stages = {label: n for (metric, label), n in counts.items() if metric == "opt_outs"}
    outcomes = {(await centre.outcome(moment.call))[0] for moment in objected}

    assert sum(stages.values()) == len(objected)
    assert stages.keys() <= {"before_capture", "during_call", "after_call"}
    assert outcomes <= {"objected", "recorded"}  # the latter was destroyed again


def the_call_went_on(
    moment: Moment, to_agent: list[Packet], to_caller: list[Packet]
) -> None:
    """Each packet came, both ways; but the agent's that the announcement covered."""
    after = [packet for packet in to_caller if packet[0] >= moment.objected_at + 1.0]

    assert holes(to_agent) == []
    assert len(holes(to_caller)) <= 1
    assert holes(after) == []
    assert longest_gap(to_agent) < LONGEST_GAP
    assert longest_gap(after) < LONGEST_GAP
    assert len(to_agent) >= (SECONDS - 1) * PACKETS_A_SECOND
    assert len(to_caller) >= (SECONDS - 6) * PACKETS_A_SECOND


def holes(packets: list[Packet]) -> list[Packet]:
    """Where numbers are missing."""
    numbers = sorted({number for _, number in packets})
    return [(one, other) for one, other in pairwise(numbers) if other != one + 1]


def longest_gap(packets: list[Packet]) -> float:
    return max((b - a for (a, _), (b, _) in pairwise(packets)), default=0.0)
