"""Accepting an invitation: a password, an authenticator, recovery codes.

The secret is behind the `#` of the link, which a browser sends to nobody; from there it
goes from form to form, and so into no log, history or referrer.
"""

import segno
from markupsafe import Markup

from proxy.access.accounts.faults import InvitationOverError, WeakPasswordError
from proxy.access.accounts.invitations import Invitations, Offer
from proxy.access.accounts.tokens import site_of
from proxy.api.route import PUBLIC
from proxy.console.failing import again
from proxy.console.visit import GET, POST, ROOT, Answer, Page, Visit
from proxy.errors import PonctuelError

PATH = "/invitations"


def link_of(base: str, secret: str) -> str:
    """What an invited person is sent; `base` is where the console is reached."""
    return f"{base}{ROOT}{PATH}#{secret}"


async def show(_: Visit) -> Answer:
    return Page("invitation.html")


async def open_it(visit: Visit) -> Answer:
    """Nothing is used up by looking."""
    try:
        return _form(visit, await _at(visit).offer(visit.field("invitation")))
    except PonctuelError as error:
        return again(visit, Page("invitation.html"), error)


async def accept(visit: Visit) -> Answer:
    secret, invitations = visit.field("invitation"), _at(visit)
    opening = visit.field("opening")
    offer = await invitations.offer_again(secret, opening)
    try:
        check_repeated(visit)
        codes = await invitations.accept(
            secret,
            visit.form.get("password", ""),
            opening=opening,
            totp=visit.field("proof"),
        )
    except PonctuelError as error:
        return again(visit, _form(visit, offer), error)
    return Page("codes.html", {"codes": codes})


def check_repeated(visit: Visit) -> None:
    """Raises WeakPasswordError for a slip of the finger."""
    if visit.form.get("password") != visit.form.get("again"):
        raise WeakPasswordError("the two are not the same", field="again")


def _at(visit: Visit) -> Invitations:
    name = site_of(visit.field("invitation"))
    if name is None or name not in visit.sites:
        raise InvitationOverError
    return visit.sites[name].access.invitations


def _form(visit: Visit, offer: Offer) -> Page:
    values = {
        "secret": visit.field("invitation"),
        "invited": offer,
        "picture": _picture(offer.otpauth_uri),
        "by_hand": " ".join(_fours(offer.totp_secret)),
    }
    return Page("enrol.html", values)


def _picture(address: str) -> Markup:
    """An element of the page itself: as a file, the secret would have an address."""
    made = segno.make(address, micro=False, error="m")
    drawn = made.svg_inline(svgclass="qr", lineclass=None, omitsize=True, border=4)
    return Markup(drawn)  # noqa: S704  # drawn from modules; nothing typed is in it


def _fours(text: str) -> list[str]:
    return [text[at : at + 4] for at in range(0, len(text), 4)]


ROUTES = (
    GET(PATH, PUBLIC, show),
    POST(PATH, PUBLIC, open_it),
    POST(f"{PATH}/accept", PUBLIC, accept),
)
