"""`ponctuel users`: who may, what a link is good for, how leavers are out (R28)."""

import json
from datetime import UTC, datetime, timedelta

import pyotp
import pytest

from proxy.access.accounts.faults import InvitationOverError
from proxy.access.people import token_digest
from proxy.errors import UnauthorizedError
from tests.fakes.call_centre import SITE
from tests.fakes.command_line import ponctuel
from tests.fakes.staff import TOKENS, staffed

TOKEN = "token-of-the-first-administrator"
PASSWORD = "tisane-bleue-parapluie-42"
HERE = "192.0.2.7"


def with_an_administrator(centre):
    """As whoever holds the machine writes it into the settings."""
    sites = staffed(centre)
    people = sites[SITE]["people"] | {
        "admin-1": {"role": "administrator", "token_sha256": token_digest(TOKEN)}
    }
    sites[SITE] |= {"people": people}
    return sites


@pytest.fixture
async def house(centre, clock):
    clock.now = datetime.now(UTC)  # a command has the machine's clock
    await centre.open(sites=with_an_administrator(centre))
    return centre


@pytest.fixture
def users(house):
    async def run(*words, token=TOKEN, as_json=True):
        return await ponctuel(
            house,
            *("users", *words, "--site", SITE, *["--json"][: int(as_json)]),
            token=token,
            sites=with_an_administrator(house),
        )

    return run


async def read(done):
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


async def accept(house, link):
    """As the invited person does, in their browser."""
    secret = link.partition("#")[2]
    invitations = house.site.access.invitations
    offer = await invitations.offer(secret)
    totp = pyotp.TOTP(offer.totp_secret)
    await invitations.accept(
        secret, PASSWORD, opening=offer.opening, totp=totp.at(house.clock())
    )
    house.clock.advance(seconds=90)
    return totp


async def sign_in(house, code, totp):
    sign_in = house.site.access.sign_in
    begun = await sign_in.begin(code, PASSWORD, HERE)
    made = await sign_in.finish(begun, totp=totp.at(house.clock()), source=HERE)
    house.clock.advance(seconds=90)
    return made


async def test_an_administrator_invites_and_the_invited_person_signs_in(house, users):
    [made] = await read(await users("invite", "tr-lea", "--role", "trainer"))
    assert set(made) == {"code", "link", "until"}
    assert made["link"].startswith("http://127.0.0.1:")  # at this machine, as it is
    until = datetime.fromisoformat(made["until"])
    assert timedelta(hours=71) < until - datetime.now(UTC) <= timedelta(hours=72)
    [waiting] = await read(await users("list"))
    assert (waiting["code"], waiting["state"]) == ("tr-lea", "invited")
    assert waiting["made_by"] == "admin-1"

    made_of_it = await sign_in(house, "tr-lea", await accept(house, made["link"]))

    session = await house.site.access.sessions.find(made_of_it.secret)
    assert (session.actor.code, session.actor.role) == ("tr-lea", "trainer")
    [there] = await read(await users("list"))
    assert there["state"] == "in use"


async def test_a_link_that_was_taken_back_makes_no_account(house, users):
    [made] = await read(await users("invite", "tr-lea", "--role", "trainer"))

    assert await read(await users("revoke", "tr-lea")) == [{"revoked": True}]
    assert await read(await users("revoke", "tr-lea")) == [{"revoked": False}]

    with pytest.raises(InvitationOverError):
        await accept(house, made["link"])


async def test_whoever_left_is_out_at_once(house, users):
    [made] = await read(await users("invite", "tr-lea", "--role", "trainer"))
    signed_in = await sign_in(house, "tr-lea", await accept(house, made["link"]))

    assert await read(await users("end", "tr-lea")) == [{"ended": "tr-lea"}]

    with pytest.raises(UnauthorizedError):
        await house.site.access.sessions.find(signed_in.secret)
    [there] = await read(await users("list"))
    assert there["state"] == "ended"


async def test_whoever_lost_a_factor_is_given_another_link(house, users):
    [made] = await read(await users("invite", "tr-lea", "--role", "trainer"))
    lost = await accept(house, made["link"])

    [again] = await read(await users("reset", "tr-lea"))

    assert again["link"] != made["link"]
    with pytest.raises(UnauthorizedError):
        await sign_in(house, "tr-lea", lost)
    found = await accept(house, again["link"])
    assert await sign_in(house, "tr-lea", found)


async def test_an_agents_code_at_the_platform_is_kept_as_a_keyed_name(house, users):
    await read(
        await users("invite", "ag-7", "--role", "agent", "--agent", "marie.dupont")
    )

    kept = await house.value("SELECT agent_key FROM accounts")
    assert kept == house.site.keys.name_agent("marie.dupont")
    rows = await house.value("SELECT string_agg(a::text, ' ') FROM accounts AS a")
    assert "marie" not in rows


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("invite", "op-anna", "--role", "trainer"), "the settings name it"),
        (("invite", "Léa Martin", "--role", "trainer"), "never a name"),
        (("invite", "ag-1", "--role", "agent"), "platform's code of the agent"),
        (("end", "tr-nobody"), "no such account"),
        (("reset", "tr-nobody"), "no such account"),
    ],
)
async def test_what_cannot_be_is_refused_and_said(users, words, said):
    done = await users(*words)

    assert done.returncode == 1
    assert said in done.stderr
    assert await read(await users("list")) == []


@pytest.mark.parametrize(
    "token",
    [TOKENS["op-anna"], TOKENS["dpo-carla"], TOKENS["trainer-tina"], "", "nobodys"],
    ids=["operator", "dpo", "trainer", "no token", "nobody's token"],
)
async def test_nobody_but_an_administrator_makes_accounts(house, users, token):
    done = await users("invite", "tr-lea", "--role", "trainer", token=token)

    assert done.returncode != 0
    assert "#" not in done.stdout
    assert await house.value("SELECT count(*) FROM accounts") == 0


async def test_people_read_it_line_by_line(users):
    made = await users("invite", "tr-lea", "--role", "trainer", as_json=False)

    assert made.returncode == 0, made.stderr
    assert [line.split()[0] for line in made.stdout.splitlines()] == [
        "code",
        "link",
        "until",
    ]


async def test_what_ended_a_year_ago_is_forgotten_and_what_lives_stays(house, users):
    for code in ("tr-lea", "tr-tom"):
        [made] = await read(await users("invite", code, "--role", "trainer"))
        await sign_in(house, code, await accept(house, made["link"]))
    await read(await users("end", "tr-lea"))
    await read(await users("invite", "tr-new", "--role", "trainer"))

    house.clock.advance(hours=73)
    await house.site.forgetting.sweep(house.clock())
    assert await sizes(house) == {
        "accounts": 3,
        "recovery_codes": 10,
        "invitations": 0,
        "sessions": 0,
        "sign_in_attempts": 0,
    }
    house.clock.advance(days=365)
    await house.site.forgetting.sweep(house.clock())
    assert await codes(house) == ["tr-new", "tr-tom"]


async def sizes(house):
    tables = (
        "accounts",
        "recovery_codes",
        "invitations",
        "sessions",
        "sign_in_attempts",
    )
    return {
        table: await house.value(f"SELECT count(*) FROM {table}")  # noqa: S608  # ours
        for table in tables
    }


async def codes(house):
    return [account.code for account in await house.site.access.accounts.list()]
