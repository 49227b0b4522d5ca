"""The verifier's test ledgers share no code with the service: its replay reads them."""

import json
from dataclasses import replace

import pytest

from sampling.replay import Code, replay
from tests.attacks.approving import increase
from tests.attacks.emitter import DAY, MONDAY, Site
from tests.attacks.rules import COVERING


def findings_of(site):
    leaves = [json.loads(leaf) for leaf in site.finish().leaves]
    return replay(enumerate(leaves)).findings


def from_mode_to_mode():
    site = Site().live(4)
    for mode in ("drand", "witness", "operator"):
        site.adopt(mode=mode, ppm=70_000)
        site.live(30)
    return site


def before_and_after_the_first_policy():
    site = Site(policy=None).live(5, 9)
    site.adopt()
    return site.live(30, 9)


def changing_rules():
    site = Site().live(8, 12)
    increase(site, 12, ppm=18_000, c=20_000, B=50, smooth=20).live(8, 12)
    increase(site, 12, smooth=5, **COVERING).live(16, 12)
    site.adopt(**{"from": site.now // site.span + 3, "ppm": 0, "cover": None})
    return site.live(6, 6)


def losing_tag_keys():
    site = Site(start=MONDAY + 2 * DAY, span=DAY, checkpoints_per_epoch=1).live(10)
    site.write("TAGKEY-", week=min(site.tag_keys))
    return site.live(2)


STORIES = {
    "leaders that change": lambda: Site(failover_every=2).live(30, 12),
    "coverage": lambda: Site(policy=COVERING).live(60, 12),
    "modes that change": from_mode_to_mode,
    "a policy that comes late": before_and_after_the_first_policy,
    "rules that change": changing_rules,
    "tag keys that end": losing_tag_keys,
}


@pytest.mark.parametrize("story", STORIES)
def test_an_honest_ledger_is_clean_with(story):
    assert findings_of(STORIES[story]()) == ()


def test_a_call_drawn_before_there_is_a_policy_is_found():
    def without_reason(kind, fields):
        return [(kind, {name: fields[name] for name in fields if name != "x"})]

    site = replace(Site(policy=None), tamper=without_reason).live(3)

    assert Code.DRAW_WITHOUT_POLICY in {found.code for found in findings_of(site)}
