"""`ponctuel reconcile`, beside a running service or without one."""

import hashlib
import json
import stat
from datetime import UTC, datetime, timedelta

import pytest

from proxy.evidence.auditor import auditor_text
from proxy.evidence.bundle import make_bundle
from tests.fakes.auditing import checked
from tests.fakes.call_centre import SITE, wav
from tests.fakes.command_line import ponctuel
from tests.fakes.staff import PEOPLE, TOKENS


@pytest.fixture
async def yesterday(centre):
    """Calls of the newest closed day: a command goes by the machine's own clock."""
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    midnight = hour_ago.replace(hour=0, minute=0, second=0, microsecond=0)
    centre.clock.now = midnight - timedelta(hours=12)
    await centre.open(sites=with_people(centre))
    while True:
        call = await centre.start_call()
        centre.platform.list_call(call.call_id, centre.clock())
        await centre.tell("call.ended", call)
        if len(centre.platform.listed) > 8 and not call.is_record:
            break
    centre.clock.now = datetime.now(UTC)
    await centre.site.tend()
    return centre


def day_of(centre):
    return (centre.clock() - timedelta(hours=25)).date()


def with_people(centre):
    sites = centre.plan()["sites"]
    sites[SITE]["people"] = PEOPLE
    return sites


async def reconcile(centre, *arguments, token=TOKENS["op-anna"]):
    command = ("reconcile", "--site", SITE, *arguments)
    sites = with_people(centre)
    done = await ponctuel(centre, *command, token=token, sites=sites)
    return done.returncode, done.stdout, done.stderr


async def test_yesterday_is_reconciled_and_said_in_json(yesterday):
    status, told, _ = await reconcile(yesterday, "--connection", "pbx", "--json")

    said = json.loads(told)
    [done] = said["connections"]
    assert (status, said["is_clean"], said["inventory"]) == (0, True, None)
    assert said["day"] == day_of(yesterday).isoformat()
    assert (done["platform_only"], done["ledger_only"]) == (0, 0)
    assert len(await yesterday.leaves("RECON")) == 1


async def test_all_connections_and_the_store_without_a_list_is_not_done(yesterday):
    status, told, _ = await reconcile(yesterday)

    assert status == 1
    assert "no-call-list" in told
    assert "strays" in told


async def test_what_nobody_drew_is_purged_without_any_server(yesterday):
    url = yesterday.platform.hold("native", wav())
    yesterday.platform.listed[-1].update(recorded=1, recording_url=url)
    await yesterday.close()

    status, told, _ = await reconcile(yesterday, "--connection", "pbx", "--json")

    [done] = json.loads(told)["connections"]
    assert status == 1
    assert (done["recordings"]["unsolicited"], done["recordings"]["purged"]) == (1, 1)
    assert yesterday.platform.audio == {}
    assert yesterday.platform.count("GET", "native") == 0


async def test_a_list_given_by_hand_is_kept_as_such_beside_the_platforms_own(yesterday):
    file, day = yesterday.folder / "calls.csv", day_of(yesterday).isoformat()
    file.write_text(yesterday.platform.list_of(day))
    asked = list(yesterday.platform.asked)

    status, told, _ = await reconcile(
        yesterday, "--connection", "pbx", "--calls", file, "--json"
    )

    [done] = json.loads(told)["connections"]
    assert (status, done["is_clean"], done["source"]) == (0, True, "by_hand")
    assert yesterday.platform.asked == asked
    assert await actors(yesterday) == [("by_hand", "op-anna")]

    yesterday.clock.now = datetime.now(UTC) + timedelta(hours=5)
    await yesterday.site.reconciliation.run_due()

    assert ("LIST", day) in yesterday.platform.asked
    assert ("platform", None) in await actors(yesterday)


async def actors(centre):
    runs = await centre.site.reconciliation.runs.page(0, 100)
    return [(run.source.value, run.actor) for run in runs]


@pytest.mark.parametrize(
    ("token", "word"),
    [("", "PONCTUEL_TOKEN"), ("nobodys-token-0123456789", "ponctuel access token")],
)
async def test_without_a_persons_token_nothing_is_compared_or_purged(
    yesterday, token, word
):
    url = yesterday.platform.hold("native", wav())
    yesterday.platform.listed[-1].update(recorded=1, recording_url=url)
    asked = list(yesterday.platform.asked)

    for arguments in ([], ["--remove-strays"], ["--connection", "pbx"]):
        status, told, said = await reconcile(yesterday, *arguments, token=token)

        assert (status, told) == (1, "")
        assert word in said
        assert "Traceback" not in said
    assert yesterday.platform.asked == asked
    assert "native" in yesterday.platform.audio
    assert await yesterday.leaves("RECON") == []


async def test_somebody_of_another_site_may_not(yesterday):
    done = await ponctuel(
        yesterday,
        *("reconcile", "--site", "elsewhere"),
        token=TOKENS["op-anna"],
        sites=with_people(yesterday) | {"elsewhere": {}},
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert "reconciliation:run at site elsewhere is not yours" in done.stderr


async def test_the_help_says_that_it_asks_who_you_are(yesterday):
    done = await ponctuel(yesterday, "reconcile", "--help")

    assert "PONCTUEL_TOKEN says who you are" in done.stdout
    assert "PONCTUEL_TOKEN=$(cat token) ponctuel reconcile" in done.stdout


async def test_a_list_cut_short_is_refused_in_words(yesterday):
    file = yesterday.folder / "calls.csv"
    text = yesterday.platform.list_of(day_of(yesterday).isoformat())
    file.write_text(text[: text.index("total")])

    status, told, _ = await reconcile(yesterday, "--connection", "pbx", "--calls", file)

    assert status == 1
    assert "cut short" in told
    assert await yesterday.leaves("RECON") == []


async def test_the_export_is_what_the_ledger_says_and_what_an_inspector_checks(
    yesterday,
):
    export = yesterday.folder / "export.csv"

    status, _, _ = await reconcile(yesterday, "--connection", "pbx", "--export", export)

    assert status == 0
    assert stat.S_IMODE(export.stat().st_mode) == 0o600
    [leaf] = await yesterday.leaves("RECON")
    assert hashlib.sha256(export.read_bytes()).hexdigest() == leaf["sha256"]
    said = await inspected(yesterday, export)
    assert said["findings"] == []
    assert not any("platform's list of calls" in each for each in said["not_checked"])


async def inspected(centre, export):
    site, folder = centre.site, centre.folder
    bundle = await make_bundle(site.ledger, site.publisher, site.signer, site.cosigning)
    (folder / "bundle.zip").write_bytes(bundle)
    (folder / "auditor.txt").write_text(auditor_text(site.signer.key), "utf-8")
    keys = await site.tag_keys.living()
    named = {str(week): key.hex() for week, key in keys.items()}
    (folder / "keys.json").write_text(json.dumps(named))
    return checked(
        *(folder / "bundle.zip", "--policy", folder / "auditor.txt", "--json"),
        *("--cdr", export, "--tagkeys", folder / "keys.json"),
        *("--now", centre.clock().isoformat()),
    )


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--day", "2999-01-01"], "not over"),
        (["--day", "2001-01-01"], "tag key"),
        (["--day", "yesterday"], "--day"),
        (["--connection", "nobody"], "known: other-pbx, pbx"),
        (["--calls", "calls.csv"], "--connection"),
        (["--export", "out.csv"], "--connection"),
        (["--connection", "pbx", "--calls", "/nonexistent"], "cannot be read"),
        (["--connection", "pbx", "--remove-strays"], "--remove-strays"),
    ],
)
async def test_a_misuse_is_said_in_words_and_does_nothing(yesterday, arguments, word):
    status, told, said = await reconcile(yesterday, *arguments)

    assert (status, told) == (2, "")
    assert word in said
    assert "Traceback" not in said
    assert await yesterday.leaves("RECON") == []


async def test_strays_are_removed_only_on_demand(yesterday):
    stray = yesterday.data_dir / "objects" / "ab" / ("ab" * 16)
    stray.write_bytes(b"sealed, perhaps")

    _, told, _ = await reconcile(
        yesterday, "--json", "--remove-strays", token=TOKENS["dpo-carla"]
    )

    assert json.loads(told)["inventory"]["strays"] == [stray.name]
    [incident] = await yesterday.site.incidents.list()
    [note] = await yesterday.site.incidents.notes(incident.incident_id)
    assert (incident.kind, note.actor) == ("stray-object", "dpo-carla")
    assert await yesterday.value("SELECT count(*) FROM object_writes") == 1
    yesterday.clock.now = datetime.now(UTC) + timedelta(hours=2)
    await yesterday.site.tend()
    assert not stray.exists()


async def test_the_doctor_says_whose_list_nobody_can_ask_for(yesterday):
    done = await ponctuel(yesterday, "doctor")

    [line] = [line for line in done.stdout.splitlines() if "call list" in line]
    assert "connection other-pbx" in line
    assert "warn" in line
