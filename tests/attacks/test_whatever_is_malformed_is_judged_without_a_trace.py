"""Notes, manifests, entry bundles and leaves of any shape: a verdict, never a trace."""

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.attacks.conftest import run
from tests.attacks.emitter import DAY, HOUR, MONDAY, Site
from tests.attacks.formats import digest, note, pack, with_manifest
from tests.attacks.leaves import leaf_bytes
from tests.attacks.publishing import Head
from tests.attacks.rules import QUICKNET

fuzzing = settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def site():
    return Site(witnesses=(), checkpoints_per_epoch=1).live(3, 6).finish()


def judged(auditor, site, files):
    policy = auditor.file("a.txt", site.auditor(0))
    raw = pack(with_manifest(files, site.log))
    found = run(auditor.file("b.zip", raw), "--policy", policy)
    assert "unforeseen" not in found.said.get("unreadable", "")
    return found


@fuzzing
@given(
    cut=st.integers(0, 400),
    length=st.integers(0, 60),
    junk=st.binary(max_size=60)
    | st.text("\u2014+ \nAZaz09=/", max_size=60).map(str.encode),
)
def test_malformed_notes_are_judged_without_a_trace(auditor, site, cut, length, junk):
    files = site.files()
    raw = files["checkpoint"]
    files["checkpoint"] = raw[:cut] + junk + raw[cut + length :]

    found = judged(auditor, site, files)

    assert found.status or files["checkpoint"].startswith(raw[:120])


@fuzzing
@given(text=st.text(max_size=80), lines=st.lists(st.text(max_size=40), max_size=4))
@example(text="a\n1\n" + "A" * 43 + "=\n", lines=[])
def test_manifests_of_any_text_are_judged_without_a_trace(auditor, site, text, lines):
    files = site.files()
    text = f"ponctuel-bundle/1\n{site.log.name}\n{text}\n"
    try:
        files["manifest"] = note(text, [site.log.line(text), *lines])
    except UnicodeEncodeError:
        return
    policy = auditor.file("a.txt", site.auditor(0))

    found = run(auditor.file("b.zip", pack(files)), "--policy", policy)

    assert found.status
    assert "unforeseen" not in found.said.get("unreadable", "")


EPOCH = MONDAY // HOUR
numbers = st.integers(0, 12) | st.sampled_from([2**53, 10**14, 2**64, DAY])
epochs = st.integers(EPOCH - 1, EPOCH + 3) | numbers
hashes = st.integers(0, 3).map(lambda n: digest(bytes([n])).hex())
salts = hashes.map(lambda text: text[:16])
days = st.sampled_from(["2026-11-16", "0001-01-01", "9999-12-31", "2026-02-30", "x"])
words = st.sampled_from(["care_in", "hangup", "A", ""])
COVER = st.fixed_dictionaries(dict.fromkeys(("calls", "k", "max", "min"), numbers))
CONDITIONS = {
    **dict.fromkeys(("B", "c", "ppm", "smooth", "kept_days", "max_seconds"), numbers),
    "purpose": st.just("training"),
    "starts": days,
    "ends": days,
}
STRATUM = st.fixed_dictionaries(CONDITIONS, optional={"cover": COVER})
FIELDS = {
    "GENESIS": {"origin": words, "vkey": words},
    "POLICY": {
        **CONDITIONS,
        "version": numbers,
        "epoch_seconds": st.sampled_from([HOUR, 0, 300, 10**14]),
        "from": epochs,
        "mode": st.sampled_from(["operator", "witness", "drand"]),
        "chain?": hashes | st.just(QUICKNET),
        "cover?": COVER,
        "strata?": st.dictionaries(
            st.sampled_from(["care_in", "desk_out", "all", "x_in"]), STRATUM, max_size=3
        ),
        "doc?": hashes,
        "approvals?": st.integers(0, 3),
    },
    "TAGKEY+": {"week": st.integers(2967, 2970), "commit": hashes},
    "TAGKEY-": {"week": st.integers(2967, 2970)},
    "OPEN": {"e": epochs, "commit": hashes, "nonce_commit?": hashes, "round?": numbers},
    "CLOSE": {
        "e": epochs,
        "seed": hashes,
        "draws": numbers,
        "records": numbers,
        "x?": hashes,
        "sig?": hashes.map(lambda text: text + text[:32]),
    },
    "DRAW": {
        "e": epochs,
        "c": hashes.map(lambda text: text[:32]),
        "s": words,
        "T": st.sampled_from(["0" * 16, "f" * 16, "147ae147ae147ae1"]),
        "d": st.integers(0, 2),
        "b?": st.just(1),
        "c_prev?": hashes.map(lambda text: text[:32]),
        "p?": numbers,
        "x?": st.sampled_from(
            ["budget", "cap_agent", "stopped", "campaign_ended", "no"]
        ),
    },
    "OUT": {
        "draw": st.integers(0, 40),
        "n": salts,
        "fail?": words,
        "objected?": st.just(1),
        "rec?": st.fixed_dictionaries(
            {"sha256": hashes, "bytes": numbers, "day": days}
        ),
    },
    "DEL": {"draw": st.integers(0, 40), "n": salts},
    "KEK+": {"day": days, "gen?": numbers, "of?": words},
    "KEK-": {"day": days, "gen?": numbers, "of?": words},
    "HOLD": {
        "draw": st.integers(0, 40),
        "authority": st.text(max_size=9),
        "until": days,
    },
    "STOP": {"by": st.sampled_from(["operator", "breaker"]), "on": st.integers(0, 1)},
    "RECON": {
        "day": days,
        "sha256": hashes,
        "n": numbers,
        "missing": numbers,
        "source?": st.sampled_from(["platform", "by_hand"]),
    },
    "INV": {"day": days, "sha256": hashes, "n": numbers},
    "NOTE": {"text": st.text(max_size=20)},
}


def leaf_of(kind):
    shapes = FIELDS[kind]
    needed = {name: shape for name, shape in shapes.items() if not name.endswith("?")}
    more = {name[:-1]: shape for name, shape in shapes.items() if name.endswith("?")}
    fields = st.fixed_dictionaries(needed, optional=more)
    return fields.map(lambda some: leaf_bytes(kind, some))


leaves = st.sampled_from(sorted(FIELDS)).flatmap(leaf_of) | st.binary(max_size=40)


@fuzzing
@given(new=st.lists(leaves, max_size=25), kept=st.integers(0, 40))
def test_leaves_of_any_kind_in_any_order_are_judged_without_a_trace(
    auditor, site, new, kept
):
    other = Site(witnesses=())
    other.leaves = [*site.leaves[:kept], *new]
    other.heads = [Head(len(other.leaves), other.now)]

    other.disclosed = lambda: other.leaves  # although some are no leaves
    judged(auditor, site, other.files())


@fuzzing
@given(raw=st.binary(max_size=300))
def test_entry_bundles_of_any_bytes_are_judged_without_a_trace(auditor, site, raw):
    files = site.files()
    name = next(name for name in files if name.startswith("tile/entries/"))
    files[name] = raw

    assert judged(auditor, site, files).status
