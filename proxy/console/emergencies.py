"""Emergency access: one recording for a reason, and the review of every use."""

from uuid import UUID

from proxy.access.break_glass.faults import UnknownUseError
from proxy.access.break_glass.records import Outcome
from proxy.access.permissions import Permission
from proxy.api.faults import UnknownPlaceError
from proxy.console.failing import again
from proxy.console.visit import GET, POST, Answer, Goto, Page, Visit
from proxy.errors import PonctuelError

_USE = "/emergency"
_ALL = "/emergencies"
_ONE = "/emergencies/{use}"
# They are few, and whoever wants them all asks the API for pages.
_MOST = 200


async def ask(visit: Visit) -> Answer:
    return _form(visit, visit.request.query.get("recording", ""))


async def use(visit: Visit) -> Answer:
    glass = visit.site.access.break_glass
    recording = visit.field("recording")
    try:
        opened = await glass.use(visit.session, _id(recording), visit.field("reason"))
    except PonctuelError as error:
        return again(visit, _form(visit, recording), error)
    return Page("opened.html", {"use": opened})


def _form(visit: Visit, recording: str) -> Page:
    """A factor that is about to be too old is asked for first."""
    values = {
        "recording": recording,
        "reason": visit.field("reason"),
        "is_on": visit.site.access.config.has_break_glass,
        "is_fresh": visit.session.is_fresh(visit.site.clock()),
    }
    return Page("emergency.html", values)


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise UnknownUseError(field="recording") from None


async def show(visit: Visit) -> Answer:
    uses = await visit.site.access.break_glass.newest(_MOST)
    return Page("emergencies.html", {"uses": uses})


async def show_one(visit: Visit) -> Answer:
    return await _one(visit)


async def review(visit: Visit) -> Answer:
    try:
        outcome = Outcome(visit.field("outcome"))
    except ValueError:
        raise UnknownPlaceError from None
    glass = visit.site.access.break_glass
    try:
        await glass.review(visit.session.actor, visit.place("use"), outcome)
    except PonctuelError as error:
        return again(visit, await _one(visit), error)
    return Goto(_ALL)


async def _one(visit: Visit) -> Page:
    glass, use_id = visit.site.access.break_glass, visit.place("use")
    values = {
        "use": await glass.find(use_id),
        "reason": await glass.reason_of(visit.session.actor, use_id),
        "outcomes": [(each.value, visit.words(f"outcomes.{each}")) for each in Outcome],
    }
    return Page("emergency_of.html", values)


ROUTES = (
    GET(_USE, Permission.BREAK_GLASS_USE, ask),
    POST(_USE, Permission.BREAK_GLASS_USE, use),
    GET(_ALL, Permission.BREAK_GLASS_REVIEW, show),
    GET(_ONE, Permission.BREAK_GLASS_REVIEW, show_one),
    POST(_ONE, Permission.BREAK_GLASS_REVIEW, review),
)
