"""Fetching a package: a link, a code to the person's own number, a download.

The link's secret is behind its `#`, as an invitation's is, and goes from form to form.
Nobody signs in. Whoever shows both gets a ticket as a cookie, with which their browser
downloads, and goes on where a download broke off.
"""

from proxy.access.accounts.tokens import site_of
from proxy.api.fetching import COOKIE, address_of
from proxy.api.route import PUBLIC
from proxy.console.failing import again
from proxy.console.visit import GET, POST, Answer, Cookies, Goto, Page, Visit
from proxy.errors import PonctuelError
from proxy.rights.packages.faults import LinkOverError, WrongCodeError
from proxy.rights.packages.links import Links

PATH = "/packages"


async def show(_: Visit) -> Answer:
    return Page("package.html")


async def begin(visit: Visit) -> Answer:
    """A code is sent; where there is no number, one was handed over."""
    secret = visit.field("link")
    try:
        ending = await links_at(visit, secret).send_code(secret, visit.source)
    except PonctuelError as error:
        return again(visit, Page("package.html"), error)
    return _second(visit, ending)


async def open_it(visit: Visit) -> Answer:
    """Raises nothing that says whether there is such a link, without its code."""
    secret, code = visit.field("link"), visit.field("code")
    try:
        opened = await links_at(visit, secret).open(secret, code, visit.source)
    except WrongCodeError as error:
        return again(visit, _second(visit), error)
    except PonctuelError as error:
        return again(visit, Page("package.html"), error)
    return Goto(f"{PATH}/ready", Cookies(package=opened.ticket))


async def ready(visit: Visit) -> Answer:
    """The password and the download, for whoever holds the ticket."""
    ticket = visit.request.cookies.get(COOKIE, "")
    opened = await links_at(visit, ticket).opened(ticket)
    values = {
        "opened": opened,
        "address": address_of(opened.package_id),
        "megabytes": -(-opened.size // 10**6),
    }
    return Page("package_ready.html", values)


def links_at(visit: Visit, secret: str) -> Links:
    """The links of the site a secret says it is of. Raises LinkOverError."""
    site = visit.sites.get(site_of(secret) or "")
    if site is None:
        raise LinkOverError
    return site.rights.packages.links


def _second(visit: Visit, ending: str = "") -> Page:
    """`ending` are the last digits of the number a code went to."""
    return Page("package_code.html", {"link": visit.field("link"), "ending": ending})


ROUTES = (
    GET(PATH, PUBLIC, show),
    POST(PATH, PUBLIC, begin),
    POST(f"{PATH}/open", PUBLIC, open_it),
    GET(f"{PATH}/ready", PUBLIC, ready),
)
