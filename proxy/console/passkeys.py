"""Passkeys: to sign in with, as a second step, to show it is still them; to add one.

Each is a page with what the browser is to be asked, and a form a script fills in with
the browser's answer.
"""

from proxy.access.accounts.faults import StaleFactorError
from proxy.access.permissions import Permission
from proxy.api.route import PUBLIC
from proxy.console.defences import BEGUN
from proxy.console.failing import again
from proxy.console.signing_in import access_at, begun_at, signed_in, who
from proxy.console.visit import (
    GET,
    NO_COOKIES,
    POST,
    Answer,
    Cookies,
    Goto,
    Page,
    Visit,
)
from proxy.errors import PonctuelError

_ALONE = "/sign-in/passkey"
_SECOND = "/sign-in/second/passkey"
_OWN = "/account/passkeys"
_AGAIN = "/account/confirm/passkey"
_CONFIRM = Goto("/account/confirm")


async def ask_where(visit: Visit) -> Answer:
    return Page("passkey_where.html", who(visit))


async def begin_alone(visit: Visit) -> Answer:
    try:
        begun = await access_at(visit, visit.field("site")).passkeys.begin_alone()
    except PonctuelError as error:
        return again(visit, Page("passkey_where.html", who(visit)), error)
    return _ask("get", _ALONE, begun.options, Cookies(begun=begun.secret))


async def sign_in(visit: Visit) -> Answer:
    secret = visit.request.cookies.get(BEGUN, "")
    access = begun_at(visit, secret)
    made = await access.passkeys.alone(secret, visit.field("answer"), visit.source)
    return signed_in(made)


async def begin_second(visit: Visit) -> Answer:
    pending = visit.request.cookies.get(BEGUN, "")
    access = begun_at(visit, pending)
    return _ask("get", _SECOND, await access.passkeys.begin_second(pending))


async def finish_second(visit: Visit) -> Answer:
    pending = visit.request.cookies.get(BEGUN, "")
    access = begun_at(visit, pending)
    proof = await access.passkeys.second(pending, visit.field("answer"))
    made = await access.sign_in.finish(pending, source=visit.source, proof=proof)
    return signed_in(made)


async def begin_again(visit: Visit) -> Answer:
    options = await visit.site.access.passkeys.begin_again(visit.session)
    return _ask("get", _AGAIN, options)


async def show_again(visit: Visit) -> Answer:
    access = visit.site.access
    proof = await access.passkeys.again(visit.session, visit.field("answer"))
    made = await access.sign_in.confirm(visit.session, proof=proof)
    return Goto("/account", Cookies(session=made.secret))


async def begin_new(visit: Visit) -> Answer:
    try:
        options = await visit.site.access.passkeys.begin_registration(visit.session)
    except StaleFactorError:
        return _CONFIRM
    return _ask("create", _OWN, options)


async def add(visit: Visit) -> Answer:
    passkeys = visit.site.access.passkeys
    await passkeys.finish_registration(visit.session, visit.field("answer"))
    return Goto("/account")


async def remove(visit: Visit) -> Answer:
    passkeys = visit.site.access.passkeys
    try:
        await passkeys.remove(visit.session, visit.place("passkey"))
    except StaleFactorError:
        return _CONFIRM
    return Goto("/account")


def _ask(kind: str, path: str, options: str, cookies: Cookies = NO_COOKIES) -> Page:
    values = {"kind": kind, "action": f"{path}/answer", "options": options}
    return Page("passkey.html", values, cookies=cookies)


ROUTES = (
    GET(_ALONE, PUBLIC, ask_where),
    POST(_ALONE, PUBLIC, begin_alone),
    POST(f"{_ALONE}/answer", PUBLIC, sign_in),
    POST(_SECOND, PUBLIC, begin_second),
    POST(f"{_SECOND}/answer", PUBLIC, finish_second),
    POST(_AGAIN, Permission.ACCOUNT_OWN, begin_again),
    POST(f"{_AGAIN}/answer", Permission.ACCOUNT_OWN, show_again),
    POST(_OWN, Permission.ACCOUNT_OWN, begin_new),
    POST(f"{_OWN}/answer", Permission.ACCOUNT_OWN, add),
    POST(f"{_OWN}/{{passkey}}/remove", Permission.ACCOUNT_OWN, remove),
)
