"""A call centre seen through its monitors: what they have counted, and say."""

import json

from tests.fakes.call_centre import CallCentre, wav

USUAL = {"rate": "1.8%", "ceiling": "2%", "burst": 50, "smooth": 20}
_AUDIO = wav(0.2)


async def state(centre: CallCentre, slot: str = "now") -> tuple[int, dict]:
    """The place in the ledger up to which calls are judged, and the state there."""
    [row] = await centre.rows(
        "SELECT position, state FROM monitor_states WHERE slot = $1", slot
    )
    return row["position"], json.loads(row["state"])


async def judged(centre: CallCentre) -> tuple[int, int]:
    """How many calls were judged for good, and how many of them were recorded."""
    _, kept = await state(centre)
    return kept["live"]["calls"], kept["live"]["recorded"]


async def watch(centre: CallCentre) -> None:
    await centre.site.sightings.flush()
    await centre.site.monitors.watch()


async def figures(centre: CallCentre) -> dict:
    return await centre.site.monitors.figures(centre.clock())


async def call_key(centre: CallCentre, call) -> bytes:
    return await centre.value(
        "SELECT call_key FROM calls WHERE decision_id = $1::uuid", call.decision_id
    )


async def ended_calls(centre: CallCentre, number: int, **changes) -> list:
    """Calls that were not drawn and are over."""
    calls = []
    while len(calls) < number:
        call = await centre.start_call(**changes)
        if not call.is_record:
            calls.append(call)
        await centre.tell("call.ended", call)
    return calls


async def report_recording(centre: CallCentre, call, **options) -> None:
    """The platform holds a recording of this call and says so."""
    url = centre.platform.hold(f"of-{call.call_id}", _AUDIO)
    reply = await centre.offer(url, call.decision_id, **options)
    assert reply.status == 204, reply


async def alarms(centre: CallCentre) -> list[str]:
    rows = await centre.rows(
        "SELECT reference FROM incidents WHERE kind = 'monitor-alarm' ORDER BY 1"
    )
    return [row["reference"] for row in rows]
