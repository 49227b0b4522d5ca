"""Which rules held from where on, who approved them, and when draws were stopped."""

import json

from audit.verify import main
from tests.attacks.approving import announce, approved
from tests.attacks.emitter import Site
from tests.attacks.rules import STRATUM
from tests.attacks.tampering import FIRST

RARE = STRATUM | {"ppm": 10_000, "c": 12_000, "B": 2, "smooth": 1}
OFTEN = STRATUM | {"ppm": 90_000, "c": 90_000, "B": 10, "smooth": 2}
TWO = {"strata": {"care_in": RARE, "care_out": OFTEN}}


def test_every_version_is_reported_with_its_place_and_its_rates(check):
    site = Site(policy={"approvals": 0, "doc": "ab" * 32}).live(3)
    announce(site, "cd" * 32)
    site.live(24)
    site.adopt(**approved("cd" * 32, **TWO))
    places = [
        seq
        for seq, leaf in enumerate(map(json.loads, site.leaves))
        if leaf["leaf"] == "POLICY"
    ]

    found = check(site.live(3).finish())

    assert found.codes == set()
    assert found.said["policies"] == [
        {
            "seq": places[0],
            "from": FIRST,
            "version": 1,
            "approvals": 0,
            "doc": "ab" * 32,
            "ppm": 80_000,
            "strata": {},
        },
        {
            "seq": places[1],
            "from": FIRST + 27,
            "version": 2,
            "approvals": 2,
            "doc": "cd" * 32,
            "ppm": 80_000,
            "strata": {"care_in": 10_000, "care_out": 90_000},
        },
    ]
    assert found.leaves_out("who approved the policies")


def test_the_report_for_people_has_the_versions_too(auditor, capsys):
    site = Site(policy=TWO | {"approvals": 1, "doc": "ab" * 32}).live(3).finish()
    bundle = auditor.file("b.zip", site.bundle())
    auditor_file = auditor.file("a.txt", site.auditor())

    assert main([bundle, "--policy", auditor_file]) == 0

    said = capsys.readouterr().out
    assert "Policy 1: leaf 1, from epoch" in said
    assert ": 8 %, care_in 1 %, care_out 9 %" in said
    assert f"approved by the operator; document {'ab' * 32}" in said


def test_stops_are_counted(check):
    site = Site().live(3)
    for party in ("operator", "breaker"):
        site.write("STOP", by=party, on=1)
    for party in ("operator", "breaker"):
        site.write("STOP", by=party, on=0)
    site.write("STOP", by="breaker", on=0)

    found = check(site.live(3).finish())

    assert found.said["stops"] == {"operator": 2, "breaker": 3}
