"""Change one byte anywhere in a bundle: a finding, or a bundle that cannot be read.

Every signature that did not change is checked once only, so thousands of changed
bundles take seconds.
"""

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.attacks.emitter import Site
from tests.attacks.formats import pack, with_manifest
from tests.attacks.rules import COVERING

STRIDE = 29


@pytest.fixture(scope="module")
def site():
    site = Site(checkpoints_per_epoch=1, witnesses=("dpo", "cse"))
    return site.live(3, 6).finish()


@pytest.fixture(scope="module")
def bundle(site):
    return site.bundle()


@pytest.mark.parametrize("start", range(0, STRIDE, 5))
def test_a_bit_flipped_anywhere_is_noticed(check, site, bundle, start):
    unnoticed = [
        at
        for at in range(start, len(bundle), STRIDE)
        if not check(site, bundle=flipped(bundle, at, 1 << at % 8)).status
    ]

    assert unnoticed == []


@pytest.fixture(scope="module")
def rich_site():
    """A beacon, coverage, outcomes: every field a leaf can have at this site."""
    policy = COVERING | {"mode": "drand"}
    site = Site(policy=policy, checkpoints_per_epoch=1, witnesses=("dpo", "cse"))
    return site.live(3, 20).finish()


@pytest.mark.parametrize("which", ["site", "rich_site"])
def test_a_bit_flipped_in_tree_or_leaves_is_noticed_though_the_log_signs_again(
    check, which, request
):
    """The operator holds the log's key: a new manifest, and a ZIP that fits."""
    site = request.getfixturevalue(which)
    files = site.files()
    unnoticed = [
        (name, at)
        for name, raw in files.items()
        if name.startswith("tile/")
        for at in range(0, len(raw), STRIDE)
        if not check(
            site, bundle=resigned(site, files, name, flipped(raw, at, 1 << at % 8))
        ).codes
    ]

    assert unnoticed == []


def resigned(site, files, name, content):
    return pack(with_manifest(files | {name: content}, site.log))


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    at=st.integers(0, 10**6),
    mask=st.integers(1, 255),
    kind=st.sampled_from(["xor", "+", "-", "="]),
)
@example(at=0, mask=255, kind="xor")
def test_bytes_changed_added_or_left_out_are_noticed(
    check, site, bundle, at, mask, kind
):
    at %= len(bundle)
    changed = {
        "+": bundle[:at] + bytes([mask]) + bundle[at:],
        "-": bundle[:at] + bundle[at + 1 :],
        "=": bundle[:at],
    }.get(kind, flipped(bundle, at, mask))

    assert check(site, bundle=changed).status in (1, 2)


def test_the_unchanged_bundle_is_clean_and_always_the_same(check, site, bundle):
    again = Site(checkpoints_per_epoch=1, witnesses=("dpo", "cse"))

    assert check(site, bundle=bundle).status == 0
    assert again.live(3, 6).finish().bundle() == bundle


def flipped(bundle: bytes, at: int, mask: int) -> bytes:
    return bundle[:at] + bytes([bundle[at] ^ mask]) + bundle[at + 1 :]
