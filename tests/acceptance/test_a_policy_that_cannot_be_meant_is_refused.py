"""What cannot be meant is refused, with every fault named."""

import pytest

from proxy.errors import (
    UnlawfulPolicyError,
)
from tests.fakes.policies import LOW, governance, open_with, part, states
from tests.fakes.staff import ANNA

pytestmark = pytest.mark.acceptance


@pytest.fixture
async def house(centre):
    """A clinic that began with a low rate from its settings file."""
    await open_with(centre, LOW)
    return centre


UNLAWFUL = {
    "ambiguous rate": ({"rate": "2"}, ["ambiguous"]),
    "unknown field": ({"rat": "2%"}, ["rat"]),
    "end before start": ({"ends_on": "2026-01-01"}, ["ends_on", "campaign"]),
    "rate above ceiling": ({"rate": "3%"}, ["rate", "ceiling"]),
    "above the hard ceiling": (
        {"rate": "11%", "ceiling": "12%"},
        ["rate above the hard ceiling", "ceiling above the hard ceiling", "burst"],
    ),
}


@pytest.mark.parametrize(("change", "named"), UNLAWFUL.values(), ids=UNLAWFUL)
def test_a_policy_that_cannot_be_meant_is_never_a_draft(centre, change, named):
    with pytest.raises(ValueError, match="validation error") as refusal:
        part(centre, **change)

    assert [word for word in named if word not in str(refusal.value)] == []


async def test_lines_and_groups_the_site_does_not_have_are_all_named(house):
    unknown = part(
        house,
        excluded_lines=["+33199999999"],
        strata={"x_in": {"line_groups": ["nowhere"]}},
    )

    with pytest.raises(UnlawfulPolicyError) as refusal:
        await governance(house).draft(ANNA, unknown)

    named = [fault.field for fault in refusal.value.faults]
    assert sorted(named) == ["excluded_lines", "strata.x_in.line_groups"]
    assert len(refusal.value.problem()["errors"]) == 2
    assert await states(house) == ["active"]
    assert (await house.counts())["policy_refused", ""] == 1


@pytest.mark.parametrize("why", ["", "  \n", "x" * 2001, "a\0b", "\ud800"])
async def test_a_proposal_says_why_in_plain_text(house, why):
    made = await governance(house).draft(ANNA, part(house, rate="0.5%"))

    with pytest.raises(UnlawfulPolicyError, match="justification"):
        await governance(house).propose(ANNA, made.number, made.digest, why)
