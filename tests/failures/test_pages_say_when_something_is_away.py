"""The database away, an answer lost, a bug: a page in words, and nothing of ours."""

import pytest
from aiohttp import web

from proxy.access.identity import Identity
from proxy.access.people import People
from proxy.access.permissions import Role
from proxy.access.trace.acts import Act
from proxy.api.route import PUBLIC
from proxy.console.application import Console
from proxy.console.visit import PageRoute
from tests.fakes.console import enrol
from tests.fakes.faulty_wire import FaultyWire
from tests.fakes.forms import Forms
from tests.fakes.listeners import traced

pytestmark = pytest.mark.acceptance


@pytest.fixture
async def wire(dsn):
    async with FaultyWire(dsn) as wire:
        yield wire


@pytest.fixture
async def wired(wire, centre):
    """A service that reaches its database over the faulty wire only."""
    await centre.open(dsn=wire.dsn)
    await centre.stop_worker()
    yield centre
    await wire.mend()


async def test_without_a_database_nobody_is_in_and_a_page_says_wait(wired, wire):
    forms = Forms(wired.http, wired.service.address)
    await forms.sign_in(wired, await enrol(wired, "ada-1", Role.ADMINISTRATOR))
    csrf = await forms.token("/accounts")
    await wire.cut()
    for method, fields in (("GET", None), ("POST", {"csrf": csrf, "code": "t-1"})):
        answer, text = await forms.ask(method, "/accounts", fields)
        assert answer.status == 503
        assert answer.headers["Retry-After"] == "5"
        assert "Indisponible pour le moment" in text
        assert "__Host-ponctuel" not in answer.cookies  # they may be in again soon
    await wire.mend()
    answer, _ = await forms.ask("GET", "/accounts")
    assert answer.status == 200


async def test_a_sign_in_whose_answer_was_lost_is_no_sign_in_and_can_be_repeated(
    wired, wire
):
    person = await enrol(wired, "ada-1", Role.ADMINISTRATOR)
    forms = Forms(wired.http, wired.service.address)
    csrf = await forms.token("/sign-in")
    who = {"site": "clinic", "code": person.code, "password": person.password}
    await forms.ask("POST", "/sign-in", who | {"csrf": csrf})
    wire.lose_commit_of(b"signed-in")  # the session is made; nobody hears of it
    proof = {"proof": person.digits(wired), "csrf": csrf}
    answer, _ = await forms.ask("POST", "/sign-in/second", proof)
    assert answer.status == 503
    assert "__Host-ponctuel" not in forms.cookies
    await wire.mend()
    await forms.sign_in(wired, person)
    assert len(await traced(wired, Act.SIGNED_IN)) == 2  # as it was: one unused


async def test_a_fault_nobody_foresaw_tells_nothing_of_itself(house):
    async def show(_):
        raise RuntimeError("the caller was +33612345678")

    sites = house.service.sites
    known = {name: site.access for name, site in sites.items()}
    identity = Identity(People(()), known, house.clock)
    broken = PageRoute("GET", "/broken", PUBLIC, show)
    application = web.Application()
    Console(sites, identity, lambda: True, routes=(broken,)).add_to(application)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    forms = Forms(house.http, f"http://127.0.0.1:{runner.addresses[0][1]}")
    answer, text = await forms.ask("GET", "/broken")
    await runner.cleanup()
    assert answer.status == 500
    assert "Une erreur s’est produite ici" in text  # noqa: RUF001  # French
    assert "caller" not in text
    assert "RuntimeError" not in text  # and the log has no number: see conftest
