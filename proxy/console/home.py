"""The first page, and the language all pages are in."""

from proxy.access.permissions import Permission
from proxy.api.faults import UnknownPlaceError
from proxy.api.route import PUBLIC
from proxy.console.menu import MENU
from proxy.console.notice import is_notice
from proxy.console.visit import GET, POST, Answer, Cookies, Goto, Page, Visit
from proxy.console.words import LANGUAGES

_PLACES = frozenset({"/sign-in", *(place for place, _ in MENU)})


async def show(_: Visit) -> Answer:
    return Page("home.html")


async def choose_language(visit: Visit) -> Answer:
    """Back to the page it was chosen on, if that is the menu's or everybody's."""
    language, back = visit.field("language"), visit.field("back")
    if language not in LANGUAGES:
        raise UnknownPlaceError
    place = back if back in _PLACES or is_notice(back) else "/"
    return Goto(place, Cookies(language=language))


ROUTES = (
    GET("/", Permission.ACCOUNT_OWN, show),
    POST("/language", PUBLIC, choose_language),
)
