"""Reviews that are signed: each month's accesses, each quarter's habilitations."""

from datetime import date, timedelta

from pydantic import ValidationError

from proxy.access.permissions import Permission
from proxy.access.reviews.drafts import Judgement, ReviewIncompleteError
from proxy.api.faults import UnknownPlaceError
from proxy.console.failing import again
from proxy.console.visit import DAY, GET, POST, Answer, Goto, Page, Visit
from proxy.errors import PonctuelError

_PLACE = "/reviews"
_MONTH = "/reviews/months/{month}"
_HABILITATIONS = "/reviews/habilitations"
_A_DAY = timedelta(days=1)


async def show(visit: Visit) -> Answer:
    access, now = visit.site.access, visit.site.clock()
    signed = await access.reviews.list()
    last = now.date().replace(day=1) - _A_DAY
    values = {
        "overdue": await access.reviews.overdue(now),
        "last": last,
        "is_last_signed": any(
            f"{each.month:%Y-%m}" == f"{last:%Y-%m}" for each in signed
        ),
        "signed": reversed(signed),
        "habilitations": await access.habilitations.list(limit=8),
        "are_habilitations_overdue": await access.habilitations.overdue(),
    }
    return Page("reviews.html", values)


async def show_month(visit: Visit) -> Answer:
    return await _month(visit)


async def sign_month(visit: Visit) -> Answer:
    try:
        await visit.site.access.reviews.sign(
            visit.session.actor, _month_of(visit), _judged(visit)
        )
    except PonctuelError as error:
        return again(visit, await _month(visit), error)
    return Goto(_PLACE)


async def show_habilitations(visit: Visit) -> Answer:
    return await _habilitations(visit)


async def sign_habilitations(visit: Visit) -> Answer:
    habilitations = visit.site.access.habilitations
    try:
        await habilitations.sign(visit.session.actor, visit.field("digest"))
    except PonctuelError as error:
        return again(visit, await _habilitations(visit), error)
    return Goto(_PLACE)


async def _month(visit: Visit) -> Page:
    draft = await visit.site.access.reviews.draft(visit.session.actor, _month_of(visit))
    judgements = [(each.value, visit.words(f"judgements.{each}")) for each in Judgement]
    values = {
        "draft": draft,
        "judgements": [("", visit.words("reviews.choose")), *judgements],
        "filled": visit.form,
    }
    return Page("review.html", values)


async def _habilitations(visit: Visit) -> Page:
    standing = await visit.site.access.habilitations.look()
    return Page("habilitations.html", {"standing": standing})


def _month_of(visit: Visit) -> date:
    """Raises UnknownPlaceError for what is no month."""
    try:
        return DAY.validate_strings(f"{visit.request.match_info['month']}-01")
    except ValidationError:
        raise UnknownPlaceError from None


def _judged(visit: Visit) -> dict[int, Judgement]:
    """Raises ReviewIncompleteError."""
    lines = {
        name.removeprefix("line-"): judged
        for name, judged in visit.form.items()
        if name.startswith("line-")
    }
    try:
        return {int(place): Judgement(judged) for place, judged in lines.items()}
    except ValueError:
        raise ReviewIncompleteError(field="judged") from None


ROUTES = (
    GET(_PLACE, Permission.REVIEWS_SIGN, show),
    GET(_MONTH, Permission.REVIEWS_SIGN, show_month),
    POST(_MONTH, Permission.REVIEWS_SIGN, sign_month),
    GET(_HABILITATIONS, Permission.REVIEWS_SIGN, show_habilitations),
    POST(_HABILITATIONS, Permission.REVIEWS_SIGN, sign_habilitations),
)
