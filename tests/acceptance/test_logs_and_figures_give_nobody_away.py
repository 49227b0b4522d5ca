"""No number, caller or call id leaves the database; figures add up (R40, R42)."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections import Counter

import pytest
import structlog

from tests.fakes.call_centre import (
    CALLERS,
    EXCLUDED_LINE,
    LINE,
    SECRET,
    SOURCE_TOKEN,
    UNLAWFUL_LINE,
    UPLOAD_TOKEN,
    wav,
)

pytestmark = pytest.mark.usefixtures("unhurried")


async def a_mixed_day(house):
    """Some of everything; the calls placed."""
    taken = await house.drawn_call(is_announced=True)
    assert (await house.upload(taken.decision_id, wav(0.2))).status == 201
    refused = await house.drawn_call()
    await house.tell("call.opt_out", refused)
    later = await house.drawn_call(is_announced=True)
    assert (await house.upload(later.decision_id, wav(0.2))).status == 201
    await house.tell("call.opt_out", later)
    private = await house.drawn_call(is_announced=True)
    await house.tell("call.private", private)
    hung_up = await house.drawn_call()
    await house.tell("call.ended", hung_up)
    bad = await house.drawn_call(is_announced=True)
    assert (await house.upload(bad.decision_id, b"\x89PNG...")).status == 422
    await house.drawn_call()  # still open
    skipped = await house.skipped_call()
    assert (await house.upload(skipped.decision_id, wav(0.2))).status == 403
    for line in (EXCLUDED_LINE, UNLAWFUL_LINE, "+33199999999"):
        await house.start_call(line=line)
    assert (await house.send("call.ended", {"call_id": "unheard-of"})).status == 404
    assert (await house.send("call.started", {"call_id": "no-more"})).status == 400
    return [taken, refused, later, private, hung_up, bad, skipped]


def values(page: str) -> Counter[tuple[str, str]]:
    """The figures by name and label; the site, which is on every series, left out."""
    found = re.findall(r"^ponctuel_(\w+)\{([^}]*)\} (\S+)$", page, re.MULTILINE)
    return Counter(
        {(name, own_label(labels)): float(value) for name, labels, value in found}
    )


def own_label(labels: str) -> str:
    return ",".join(x for x in labels.split(",") if not x.startswith("site="))


async def page(house):
    reply = await house.ask("GET", f"{house.service.metrics_address}/metrics")
    return reply.body


async def test_a_whole_day_logs_no_number_no_caller_and_no_call_id(house):
    with structlog.testing.capture_logs() as lines:
        calls = await a_mixed_day(house)
        await house.site.tend()

    logged = repr(lines)
    forbidden = [CALLERS, LINE, SECRET, UPLOAD_TOKEN, SOURCE_TOKEN, "unheard-of"]
    assert lines
    assert [text for text in forbidden if text in logged] == []
    assert [call for call in calls if call.call_id in logged] == []
    assert not re.search(r"\+?\d{9,}", logged)


async def test_neither_ledger_nor_figures_hold_a_number_or_a_call_id(house):
    calls = await a_mixed_day(house)
    await house.service.publish()

    told = repr(await house.all_leaves()) + await page(house)

    forbidden = [CALLERS, LINE, *(call.call_id for call in calls)]
    assert [text for text in forbidden if text in told] == []


async def test_every_call_is_accounted_for(house):
    await a_mixed_day(house)
    house.site.voids.counted["overload", "cardio_in"] += 2
    await house.service.publish()
    seen = values(await page(house))

    def total(name):
        return sum(value for (metric, _), value in seen.items() if metric == name)

    draws = await house.leaves("DRAW")
    not_drawn = [leaf for leaf in draws if not leaf["d"] and "x" not in leaf]
    still_open = await house.value(
        "SELECT count(*) FROM calls WHERE is_record AND outcome IS NULL"
    )
    refusals = sum(
        seen["opt_outs_total", f'stage="{stage}"']
        for stage in ("no_opt_in", "before_capture", "during_call")
    )
    assert total("calls_total") == (
        total("selected_total")
        + total("excluded_total")
        + total("void_total")
        + len(not_drawn)
    )
    assert total("selected_total") == (
        total("recorded_total") + total("failed_total") + refusals + still_open
    )
    assert seen["opt_outs_total", 'stage="after_call"'] == 1
    assert seen["media_refused_total", 'code="not_drawn"'] == 1
    assert seen["unsolicited_recordings_total", ""] == 1
    assert seen["incidents_open", ""] == 1


async def test_what_moves_with_a_call_stands_still_until_it_is_published(house):
    await house.service.publish()
    before = values(await page(house))

    await house.drawn_call()
    unpublished = values(await page(house))
    await house.service.publish()
    published = values(await page(house))

    def moved(later):
        return {name for (name, label), v in later.items() if before[name, label] != v}

    assert "calls_total" not in moved(unpublished)
    assert "tokens" not in moved(unpublished)
    assert {"calls_total", "selected_total", "ledger_size"} <= moved(published)


async def test_the_figures_page_opens_only_with_its_token(centre):
    await centre.open(
        metrics={"port": 0, "interval_seconds": 3600, "token": "scrape-token"}
    )
    address = f"{centre.service.metrics_address}/metrics"

    without = await centre.ask("GET", address)
    wrong = await centre.ask("GET", address, headers={"Authorization": "Bearer x"})
    right = await centre.ask(
        "GET", address, headers={"Authorization": "Bearer scrape-token"}
    )

    assert (without.status, wrong.status, right.status) == (401, 401, 200)
    assert without.problem == "unauthorized"


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_a_service_told_to_stop_ends_well(tmp_path, dsn, how):
    environment = {
        "PATH": os.environ["PATH"],
        "PONCTUEL_DATA_DIR": str(tmp_path / "var"),
        "PONCTUEL_DATABASE__DSN": dsn,
        "PONCTUEL_HTTP__PORT": "0",
        "PONCTUEL_METRICS__PORT": "0",
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "proxy.cli", "serve"),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    told = await process.stdout.readline()
    process.send_signal(how)
    _, errors = await process.communicate()

    assert told.startswith(b"listening on http://127.0.0.1:")
    assert process.returncode == 0, errors
    assert b"Traceback" not in errors
