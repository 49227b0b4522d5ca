"""Recordings within reach, and listening to one: for a stated purpose, on record."""

from typing import Any

from pydantic import ValidationError

from proxy.access.permissions import Item, Permission, Role, Subject, permits
from proxy.api.faults import UnknownPlaceError
from proxy.api.recordings import (
    ListedRecording,
    RecordingsQuestion,
    list_recordings,
)
from proxy.api.route import Asked
from proxy.console.analyses import analysis_form_of
from proxy.console.visit import DAY, GET, POST, Answer, Goto, Page, Visit
from proxy.playback.purposes import Use, WrongUseError

_LAST_ID = "f" * 32
# What a role listens for as a rule; the one case is for whoever it was opened to.
_USES = {
    Role.TRAINER: (Use.TRAINING, Use.EVALUATION, Use.QUALITY, Use.CASE),
    Role.AGENT: (Use.OWN,),
}


async def show(visit: Visit) -> Answer:
    asked = visit.request.query.get("after", "")
    day = visit.request.query.get("day", "")
    try:
        question = RecordingsQuestion(after=asked or _behind(day))
        actor = visit.session.actor
        listed = await list_recordings(Asked(actor, visit.site, question, {}))
    except (ValidationError, ValueError):
        raise UnknownPlaceError from None
    values = {
        "recordings": [(each, _may_play(visit, each)) for each in listed.items],
        "next": listed.next,
        "day": day,
        "uses": _choices(visit),
    }
    return Page("recordings.html", values)


def _behind(day: str) -> str:
    """The place before which the newest of that day comes; all days for none."""
    return f"{DAY.validate_strings(day).toordinal() + 1}_{_LAST_ID}" if day else ""


def _may_play(visit: Visit, listed: ListedRecording) -> bool:
    """An agent's list is their own calls; others play what a grant covers."""
    item = Item(listed.recording_id, listed.practice, listed.campaign)
    actor = visit.session.actor
    is_granted = permits(actor, Permission.RECORDINGS_PLAY, Subject(actor.site, item))
    return is_granted or actor.role is Role.AGENT


def _choices(visit: Visit) -> list[tuple[str, str]]:
    uses = _USES.get(visit.session.actor.role, (Use.CASE,))
    return [(use.value, visit.words(f"uses.{use}")) for use in uses]


async def listen(visit: Visit) -> Answer:
    """Begins the play; its first byte is asked for when somebody presses play."""
    try:
        use = Use(visit.field("purpose"))
    except ValueError:
        raise WrongUseError(field="purpose") from None
    play = await visit.site.hearing.listening.begin(
        visit.session, visit.place("recording"), use
    )
    values: dict[str, Any] = {"play": play, "use": use}
    return Page(
        "listen.html", values | await analysis_form_of(visit, play.recording_id)
    )


async def stop(visit: Visit) -> Answer:
    await visit.site.hearing.listening.end(visit.session, visit.place("play"))
    return Goto("/recordings")


ROUTES = (
    GET("/recordings", Permission.RECORDINGS_LIST, show),
    POST("/recordings/{recording}/plays", Permission.RECORDINGS_PLAY, listen),
    POST("/plays/{play}/end", Permission.RECORDINGS_PLAY, stop),
)
