"""Recordings: which there are for whoever asks, and listening to one of them."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import StringConstraints

from proxy.access.accounts.sessions import Session
from proxy.access.permissions import Permission
from proxy.api.faults import ForbiddenError
from proxy.api.paging import PageQuestion, page_of
from proxy.api.route import Asked, Model, Nothing, Route
from proxy.errors import ObjectMissingError, RestrictedError
from proxy.playback.plays import TooManyPlaysError
from proxy.playback.purposes import Use, WrongUseError
from proxy.vault.catalogue import NEWEST, Listed, Place


class RecordingsQuestion(PageQuestion):
    """Which page to list; `after` is the `next` of the page before."""

    # Days since year 1, and a recording: all of them exist.
    after: Annotated[
        str, StringConstraints(pattern=r"^([1-9][0-9]{0,5}_[0-9a-f]{32})?$")
    ] = ""

    @property
    def behind(self) -> Place:
        if not self.after:
            return NEWEST
        day, _, recording = self.after.partition("_")
        return date.fromordinal(int(day)), UUID(recording)


class ListedRecording(Model):
    """A recording you may ask to hear; `until` is the day it ends."""

    recording_id: UUID
    day: date
    seconds: int
    practice: str
    campaign: str
    purpose: str
    stratum: str
    until: date
    is_held: bool


class Recordings(Model):
    """A page of what you reach, the newest day first."""

    items: Sequence[ListedRecording]
    next: str | None


class NewPlay(Model):
    """What to listen to, and what for."""

    recording: UUID
    purpose: Use


class StatedBeside(Model):
    """What the person said of it, in their words; the audio stays as it was."""

    made_at: datetime
    text: str


class Begun(Model):
    """Where it is heard, by this session and in pieces only."""

    play_id: UUID
    recording_id: UUID
    address: str
    media_type: str
    seconds: float
    statements: tuple[StatedBeside, ...] = ()


class Done(Model):
    """It is so now."""


async def list_recordings(asked: Asked[RecordingsQuestion]) -> Recordings:
    question = asked.question
    found = await asked.site.hearing.listening.listing(
        asked.actor, question.reach, question.behind
    )
    page = page_of(found, question, _place_of)
    return Recordings.model_validate(page, from_attributes=True)


def _place_of(listed: Listed) -> str:
    return f"{listed.day.toordinal()}_{listed.recording_id.hex}"


async def begin_play(asked: Asked[NewPlay]) -> object:
    question = asked.question
    return await asked.site.hearing.listening.begin(
        _session(asked), question.recording, question.purpose
    )


async def end_play(asked: Asked[Nothing]) -> Done:
    await asked.site.hearing.listening.end(_session(asked), asked.place["play"])
    return Done()


def _session(asked: Asked[Any]) -> Session:
    """Raises ForbiddenError: a voice is heard by somebody who is here."""
    if asked.session is None:
        raise ForbiddenError("only for whoever signed in", fix="use the console")
    return asked.session


ROUTES: tuple[Route[Any], ...] = (
    Route(
        "GET",
        "/sites/{site}/recordings",
        Permission.RECORDINGS_LIST,
        list_recordings,
        summary="The recordings within your reach, the newest day first.",
        asks=RecordingsQuestion,
        answers=Recordings,
    ),
    Route(
        "POST",
        "/sites/{site}/plays",
        Permission.RECORDINGS_PLAY,
        begin_play,
        summary="Begin to listen; what this session listened to before ends.",
        asks=NewPlay,
        answers=Begun,
        status=201,
        refusals=(
            ObjectMissingError,
            RestrictedError,
            WrongUseError,
            TooManyPlaysError,
        ),
        example={
            "recording": "5f2c1f0e-8f0b-4f57-9a53-0d7b6f0f7a11",
            "purpose": "training",
        },
    ),
    Route(
        "POST",
        "/sites/{site}/plays/{play}/end",
        Permission.RECORDINGS_PLAY,
        end_play,
        summary="Stop listening.",
        asks=Nothing,
        answers=Done,
    ),
)
