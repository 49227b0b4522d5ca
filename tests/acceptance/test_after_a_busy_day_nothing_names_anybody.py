"""A day on which people of every role do everything: none of it names anybody (R28).

What is typed that day is full of names, numbers and addresses, and none of them is in a
log, in the ledger, in what auditors are handed, among the figures or in the trace; a
copy of the database holds no secret that lets anybody in.
"""

import io
import uuid
import zipfile
from dataclasses import dataclass, field
from datetime import timedelta

import pyotp
import pytest
import structlog

from proxy.access.accounts.accounts import APPOINTED, Wanted
from proxy.access.api_keys.keys import WantedKey
from proxy.access.permissions import Permission, Role
from proxy.evidence.bundle import make_bundle
from tests.fakes.api import TOKENS, asker, with_people
from tests.fakes.call_centre import LINE, wav
from tests.fakes.clinic import SITE
from tests.fakes.console import ADMINISTRATOR
from tests.fakes.dumps import as_text, spellings
from tests.fakes.form_browser import FormBrowser
from tests.fakes.listeners import Listener, grant, recorded
from tests.fakes.staff import CARLA

NAME = "Hortense Quatremère"
ADDRESS = "12 rue des Lilas, 44000 Nantes"
MAIL = "hortense.quatremere@exemple.fr"
NUMBER = "+33698765432"
SOMEWHERE = "203.0.113.77"  # RFC 5737
PASSWORD = f"{NAME} 1 paquebot {NUMBER}"
OTHER_PASSWORD = f"{ADDRESS} et un autre paquebot"
WORDS = ("Hortense", "Quatrem", "Lilas", "44000", "exemple.fr", "paquebot")
NUMBERS = (NUMBER[1:], NUMBER[3:], LINE[1:])
PLACES = (SOMEWHERE, "127.0.0.1")


@dataclass
class Day:
    """What was said and given in secret, and to whom it happened."""

    secrets: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    people: dict[Role, FormBrowser] = field(default_factory=dict)
    telephones: dict[Role, str] = field(default_factory=dict)


@pytest.fixture
async def clinic(centre):
    """With people, and emergency access switched on."""
    sites = with_people(centre, policy=centre.policy())
    sites[SITE] |= {"access": {"break_glass": True}}
    await centre.open(sites=sites)
    return centre


def window(clinic, headers=None) -> FormBrowser:
    usual = {"X-Forwarded-For": SOMEWHERE, "User-Agent": f"{NAME}'s browser"}
    return FormBrowser(clinic.http, clinic.service.address, headers=headers or usual)


async def arrives(clinic, day: Day, role: Role) -> None:
    """Invited, accepts, mistypes everything once, signs in."""
    agent = NUMBER if role is Role.AGENT else None
    wanted = Wanted(f"{role.value.replace('_', '-')}-9", role, agent)
    invitations = clinic.site.access.invitations
    invited = await invitations.invite(ADMINISTRATOR, wanted)
    browser = window(clinic)
    await browser.get("/invitations")
    shown = await browser.post("/invitations", invitation=invited.secret)
    opening = shown.hidden(r'name="opening" value="([^"]+)"')
    offer = await invitations.offer_again(invited.secret, opening)
    totp = pyotp.TOTP(offer.totp_secret)
    asked = {"invitation": invited.secret, "proof": totp.at(clinic.clock())}
    chosen = {"password": PASSWORD, "again": PASSWORD, "opening": opening}
    codes = await browser.post("/invitations/accept", **asked, **chosen)
    assert codes.status == 200, codes
    if role in APPOINTED:
        await clinic.site.access.accounts.appoint(CARLA, wanted.code, agent)
    clinic.clock.advance(seconds=30)
    await browser.get("/sign-in")
    await browser.post("/sign-in", site=SITE, code=MAIL, password=PASSWORD)
    await browser.post("/sign-in", site=SITE, code=wanted.code, password=NAME)
    who = {"site": SITE, "code": wanted.code, "password": PASSWORD}
    await browser.follow("/sign-in", **who)
    await browser.post("/sign-in/second", proof=NUMBER[-6:])
    begun = await browser.follow("/sign-in/second", proof=totp.at(clinic.clock()))
    assert begun.status == 200, begun
    clinic.clock.advance(seconds=30)
    day.secrets += [invited.secret, offer.totp_secret]
    day.people[role], day.telephones[role] = browser, offer.totp_secret


async def callers_call(clinic, day: Day) -> list[uuid.UUID]:
    """Some are recorded, some refuse, some are none of ours; the recordings."""
    agents = (NUMBER, MAIL, ADDRESS, None)  # as a platform may well call them
    found = [(await recorded(clinic, wav(2.0), agent=each))[0] for each in agents]
    refused = await clinic.drawn_call()
    await clinic.tell("call.opt_out", refused)
    skipped = await clinic.skipped_call()
    assert (await clinic.upload(skipped.decision_id, wav(0.2))).status == 403
    await clinic.send("call.started", {"call_id": NAME, "caller": NUMBER})
    await clinic.send("call.ended", {"call_id": MAIL})
    for call in (refused, skipped):
        caller = str(clinic.started(call.call_id)["caller"])
        day.calls += [call.call_id, caller[1:]]
    return found


async def a_trainer_listens(clinic, day: Day, recordings: list[uuid.UUID]) -> None:
    browser = day.people[Role.TRAINER]
    place = f"/recordings/{recordings[0]}/plays"
    assert (await browser.post(place, purpose="training")).status == 404
    await grant(clinic, "trainer-9", "cardio")
    assert (await browser.get("/recordings")).status == 200
    shown = await browser.post(place, purpose="training")
    address = shown.hidden(r'src="(/listen/[^"]+)"')
    session = browser.cookies["__Host-ponctuel"]
    player = Listener(clinic, "trainer-9", session, browser.csrf, uuid.uuid4())
    assert (await player.hear(address)).status == 206
    assert (await player.hear(address, f"bytes={NUMBER}-")).status == 416
    line = {"criterion-1": "greeting", "score-1": "8", "comment-1": f"{NAME} smiled."}
    form = {"agent": "a-1", "conclusion": f"Not {NAME}'s best day."} | line
    place = f"/recordings/{recordings[0]}/analysis"
    assert (await browser.post(place, **form)).status == 303
    await browser.post(f"/recordings/{recordings[1]}/analysis", agent=NUMBER)


async def an_agent_tries_colleagues_calls(
    day: Day, recordings: list[uuid.UUID]
) -> None:
    browser = day.people[Role.AGENT]
    assert (await browser.get("/recordings")).status == 200
    for recording in recordings[1:]:
        tried = await browser.post(f"/recordings/{recording}/plays", purpose="own")
        assert tried.status == 404


async def the_glass_is_broken(day: Day, recording: uuid.UUID) -> None:
    browser = day.people[Role.RIGHTS_OFFICER]
    why = f"{NAME} of {ADDRESS} asks what was said to her."
    asked = {"recording": str(recording), "reason": f"{why} Her number: {NUMBER}"}
    await browser.get("/emergency")
    await browser.post("/emergency", **asked)
    opened = await browser.post("/emergency", recording=str(recording), reason=why)
    assert opened.status == 200, opened
    shown = await browser.post(f"/recordings/{recording}/plays", purpose="case")
    assert shown.status == 200, shown
    officer = day.people[Role.DPO]
    uses = await officer.get("/emergencies")
    use = uses.hidden(r'href="/console(/emergencies/[0-9a-f-]{36})"')
    await officer.get(use)
    assert (await officer.post(use, outcome="justified")).status == 303


async def officers_decide(clinic, day: Day) -> None:
    browser = day.people[Role.DPO]
    await clinic.site.access.oversight.tend()
    alerts = await clinic.site.access.oversight.alerts.list(are_open=True)
    assert alerts
    for alert in alerts:
        place = f"/alerts/{alert.alert_id}"
        await browser.get(place)
        note, read = f"{NAME} was asked", str(alert.last_seq)
        too_much = f"{note}: {NUMBER}"
        await browser.post(place, decision="justified", last_seq=read, note=too_much)
        decided = await browser.post(
            place, decision="reminded", last_seq=read, note=note
        )
        assert decided.status == 303, decided
    await browser.get(f"/trace?actor={NAME}&after=0")
    await browser.post("/grants", code=NAME, until="2026-12-01")


async def the_api_is_asked(clinic, day: Day) -> None:
    wanted = WantedKey(
        "reporter",
        Role.AUDITOR,
        frozenset({Permission.MONITORS_READ}),
        clinic.clock() + timedelta(days=30),
    )
    _, key = await clinic.site.access.api_keys.make(ADMINISTRATOR, wanted)
    assert (await asker(clinic, key).get("/monitors")).status == 200
    olga = asker(clinic)
    letter = {"nature": f"a letter to {NAME}, {ADDRESS}"}
    assert (await olga.post("/incidents", letter)).status == 201
    await olga.post("/incidents", {"nature": NAME, NUMBER: MAIL})
    assert (await olga.post("/stop", {"reason": f"{NAME} asked"})).status == 200
    await olga.get(f"/policies?after={NUMBER}&{MAIL}={NAME}")
    await asker(clinic, f"Bearer.{PASSWORD.encode().hex()}").get(f"/{NUMBER}")
    day.secrets += [key, *TOKENS.values()]


async def somebody_changes_what_they_sign_in_with(clinic, day: Day) -> None:
    browser = day.people[Role.AUDITOR]
    totp = pyotp.TOTP(day.telephones[Role.AUDITOR])
    await browser.get("/account")
    new = {"password": OTHER_PASSWORD, "again": OTHER_PASSWORD}
    await browser.post("/account/password", current=NAME, **new)
    await browser.follow("/account/password", current=PASSWORD, **new)
    codes = await browser.post("/account/recovery-codes", proof=totp.at(clinic.clock()))
    assert codes.status == 200, codes
    await browser.get("/account")
    await browser.post("/sign-out")


@pytest.fixture
async def day(clinic):
    """All of it; and what was logged meanwhile."""
    day = Day()
    with structlog.testing.capture_logs() as lines:
        for role in Role:
            await arrives(clinic, day, role)
        recordings = await callers_call(clinic, day)
        await a_trainer_listens(clinic, day, recordings)
        await an_agent_tries_colleagues_calls(day, recordings)
        await the_glass_is_broken(day, recordings[2])
        await officers_decide(clinic, day)
        await the_api_is_asked(clinic, day)
        await somebody_changes_what_they_sign_in_with(clinic, day)
        await clinic.site.tend()
        await clinic.service.publish()
    day.secrets += [PASSWORD, OTHER_PASSWORD]
    for browser in day.people.values():
        day.secrets += [text for text in browser.given if len(text) > 20]
    return day, lines


def named_in(text: str, day: Day) -> list[str]:
    """Whoever, and whatever number or place, it names."""
    forbidden = (*WORDS, *NUMBERS, *PLACES, *day.calls)
    return [word for word in forbidden if word.lower() in text.lower()]


async def test_nothing_names_anybody_and_no_secret_is_kept(clinic, day, caplog):
    day, lines = day
    lines += [record.getMessage() for record in caplog.get_records("setup")]
    site = clinic.site
    bundle = await make_bundle(site.ledger, site.publisher, site.signer, site.cosigning)
    with zipfile.ZipFile(io.BytesIO(bundle)) as files:
        handed_over = "\n".join(
            files.read(name).decode("latin-1")
            for name in files.namelist()
            if name != "verify.py"
        )
    figures = await clinic.ask("GET", f"{clinic.service.metrics_address}/metrics")
    trace = await clinic.rows("SELECT t::text FROM access_entries AS t")
    kept = await as_text(clinic.dsn)

    assert named_in(repr(lines), day) == []
    assert named_in(repr(await clinic.all_leaves()), day) == []
    assert named_in(handed_over, day) == []
    assert named_in(figures.body, day) == []
    assert named_in(repr(trace), day) == []
    assert [
        secret
        for secret in day.secrets
        for spelling in spellings(secret.partition(".")[2] or secret)
        if spelling in kept.lower()
    ] == []
    assert [place for place in PLACES if place in kept] == []
    # It was a busy day, and what people wrote for each other's eyes would be found.
    assert len(trace) > 40
    assert "Hortense" in named_in(kept, day)
