"""The service's own check of what four eyes and a day's notice are for."""

import pytest

from sampling.replay import Code, replay
from tests.unit.written_ledgers import STRATUM, Writer

FIRST = 1_000  # the epoch that runs when something is announced
DAY = 24  # epochs
OLD, NEW, OTHER = "aa" * 32, "bb" * 32, "cc" * 32
RAISED = {"ppm": 85_000, "doc": NEW, "approvals": 2}


def begun():
    """A policy in force, and an epoch that is over."""
    writer = Writer()
    writer.adopt(**{"from": FIRST - 1, "doc": OLD, "approvals": 0})
    writer.open(FIRST - 1)
    writer.draw(FIRST - 1, "a call")
    writer.close(FIRST - 1)
    return writer


def announce(writer, doc=NEW, first=FIRST + DAY):
    text = f"policy approved: doc {doc}, not before epoch {first}"
    writer.add(leaf="NOTE", text=text)


def codes_of(writer):
    return {finding.code for finding in replay(enumerate(writer.leaves)).findings}


def codes_after(writer, first=FIRST + DAY, **changes):
    writer.adopt(**{"from": first, **RAISED, **changes})
    return codes_of(writer)


def test_an_increase_announced_a_day_ahead_is_clean():
    writer = begun()
    writer.add(leaf="NOTE", text="tag keys handed out")
    announce(writer)
    writer.add(leaf="NOTE", text="tag keys handed out")

    assert codes_after(writer) == set()


@pytest.mark.parametrize("approvals", [0, 1])
def test_an_increase_that_no_dpo_approved_is_found(approvals):
    writer = begun()
    announce(writer)

    assert codes_after(writer, approvals=approvals) == {Code.POLICY_APPROVALS}


def test_an_increase_that_nobody_says_was_approved_is_found():
    writer = begun()
    announce(writer)
    writer.adopt(**{"from": FIRST + DAY, "ppm": 85_000, "doc": NEW})

    assert codes_of(writer) == {Code.POLICY_APPROVALS}


def test_a_stratum_is_compared_with_the_one_of_its_name():
    writer = begun()
    lower = {"strata": {"cardio_in": STRATUM | {"ppm": 10_000}}}
    higher = {"strata": {"cardio_in": STRATUM | {"ppm": 20_000}}}
    writer.adopt(**{"from": FIRST, "doc": OTHER, "approvals": 1, **lower})

    assert codes_of(writer) == set()
    found = codes_after(writer, ppm=80_000, approvals=1, **higher)
    assert found == {Code.POLICY_APPROVALS}


def test_an_increase_that_was_not_announced_is_found():
    assert codes_after(begun()) == {Code.POLICY_NOTICE}


def test_less_than_a_day_is_no_notice_whatever_was_announced():
    writer = begun()
    announce(writer, first=FIRST)

    assert codes_after(writer, FIRST + DAY - 1) == {Code.POLICY_NOTICE}


def test_an_increase_does_not_hold_before_the_epoch_that_was_announced():
    writer = begun()
    announce(writer, first=FIRST + DAY + 1)

    assert codes_after(writer) == {Code.POLICY_NOTICE}


def test_an_announcement_is_of_one_document():
    writer = begun()
    announce(writer, OTHER)

    assert codes_after(writer) == {Code.POLICY_NOTICE}


def test_an_announcement_counts_once():
    writer = begun()
    announce(writer)
    assert codes_after(writer) == set()
    writer.adopt(**{"from": FIRST + DAY, "doc": OTHER, "approvals": 1, "ppm": 70_000})

    assert codes_after(writer) == {Code.POLICY_NOTICE}


def test_whatever_is_decided_meanwhile_takes_its_place_but_not_the_same_once_more():
    again, lowered = begun(), begun()
    for writer, doc in ((again, OLD), (lowered, OTHER)):
        announce(writer)
        writer.adopt(**{"from": FIRST, "doc": doc, "approvals": 1})

    assert codes_after(again) == set()
    assert codes_after(lowered) == {Code.POLICY_NOTICE}


@pytest.mark.parametrize("doc", ["xx" * 32, "AA" * 32, "aa", 7], ids=str)
def test_a_document_that_is_no_digest_is_malformed(doc):
    assert codes_after(begun(), doc=doc) == {Code.LEAF_MALFORMED}
