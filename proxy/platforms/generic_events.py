"""The generic contract's events: CloudEvents 1.0 in structured JSON.

The types and fields are the published contract: they may gain optional fields, nothing
else. Unknown fields are kept in `raw`, unknown types become `UnknownEvent`.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Literal, TypeVar

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)
from pydantic_core import PydanticCustomError

from proxy.errors import BadEventError
from proxy.platforms.base import (
    CallAnnounced,
    CallEnded,
    CallMarkedPrivate,
    CallOptedIn,
    CallOptedOut,
    CallStarted,
    Direction,
    Event,
    RecordingAvailable,
    UnknownEvent,
)
from proxy.platforms.outbound import MAX_ADDRESS_LENGTH

_RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE
)


def read_instant(text: str) -> datetime | None:
    """An RFC 3339 time with its offset; None for anything else."""
    if not _RFC3339.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text.upper())
    except ValueError:  # the 31st of February
        return None


def _instant(value: object) -> datetime:
    moment = read_instant(value) if isinstance(value, str) else None
    if moment is None:
        raise PydanticCustomError(
            "rfc3339", "Input should be an RFC 3339 date and time"
        )
    return moment


# \P{C}: no control, format, unassigned or private-use characters.
_Id = Annotated[
    str, StringConstraints(min_length=1, max_length=200, pattern=r"^\P{C}+$")
]
# Empty is a caller who withholds the number.
_Party = Annotated[str, StringConstraints(max_length=200, pattern=r"^\P{C}*$")]
_Address = Annotated[str, StringConstraints(max_length=MAX_ADDRESS_LENGTH)]
_Instant = Annotated[AwareDatetime, BeforeValidator(_instant)]


class _Strict(BaseModel):
    """Strict: a number is not a string, an integer is not a date."""

    model_config = ConfigDict(strict=True, frozen=True)


class _Envelope(_Strict):
    """The CloudEvents attributes we rely on."""

    specversion: Literal["1.0"]
    id: _Id
    source: _Id
    type: _Id


class _StartedData(_Strict):
    """`data` of `call.started`."""

    call_id: _Id
    root_call_id: _Id | None = None
    direction: Annotated[Direction, Field(strict=False)]
    caller: _Party
    callee: _Party
    line: _Id
    queue: _Id | None = None
    agent: _Id | None = None
    agent_group: _Id | None = None
    started_at: _Instant


class _CallData(_Strict):
    """`data` of what happens to a call later."""

    call_id: _Id


class _AvailableData(_Strict):
    """`data` of `recording.available`."""

    decision_id: _Id
    url: _Address


_Model = TypeVar("_Model", bound=BaseModel)
_Document = Mapping[str, object]

_FIXES = {
    "specversion": 'send "1.0"',
    "data.direction": 'send "inbound" or "outbound"',
    "data.started_at": "send a date, time and offset, as in 2026-01-31T09:30:00+01:00",
    "data.caller": 'send a string of up to 200 characters, "" when withheld',
    "data.callee": "send a string of up to 200 characters",
    "data.url": f"send an https address of up to {MAX_ADDRESS_LENGTH} characters",
    "data": "send an object with the fields of this type",
}
_USUAL_FIX = "send a string of 1 to 200 printable characters"


def read_event(document: _Document) -> Event:
    """Read one CloudEvents document. Raises `BadEventError` naming the first fault."""
    kind = _read(_Envelope, document, prefix="").type
    reader = _READERS.get(kind)
    if reader is None:
        return UnknownEvent(kind=kind, raw=document)
    return reader(document)


def _read(model: type[_Model], fields: object, *, prefix: str = "data.") -> _Model:
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        # Without the input: it may be a telephone number.
        fault = error.errors(include_input=False, include_url=False)[0]
    field = (prefix + ".".join(map(str, fault["loc"]))).rstrip(".")
    raise BadEventError(
        fault["msg"], field=field, fix=_FIXES.get(field, _USUAL_FIX)
    ) from None


def _call_started(document: _Document) -> CallStarted:
    data = _read(_StartedData, document.get("data"))
    return CallStarted(
        call_id=data.call_id,
        root_call_id=data.root_call_id or data.call_id,
        direction=data.direction,
        caller=data.caller,
        callee=data.callee,
        line=data.line,
        queue=data.queue,
        agent=data.agent,
        agent_group=data.agent_group,
        started_at=data.started_at,
        raw=document,
    )


def _about_call(
    event: type[
        CallAnnounced | CallOptedOut | CallOptedIn | CallMarkedPrivate | CallEnded
    ],
) -> Callable[[_Document], Event]:
    def read(document: _Document) -> Event:
        data = _read(_CallData, document.get("data"))
        return event(call_id=data.call_id, raw=document)

    return read


def _recording_available(document: _Document) -> RecordingAvailable:
    data = _read(_AvailableData, document.get("data"))
    return RecordingAvailable(
        source_ref=data.url, decision_id=data.decision_id, raw=document
    )


_READERS: Mapping[str, Callable[[_Document], Event]] = {
    "call.started": _call_started,
    "call.announced": _about_call(CallAnnounced),
    "call.opt_out": _about_call(CallOptedOut),
    "call.opt_in": _about_call(CallOptedIn),
    "call.private": _about_call(CallMarkedPrivate),
    "call.ended": _about_call(CallEnded),
    "recording.available": _recording_available,
}
