"""What a witness keeps is its own, and once lost is not begun anew."""

import stat
from base64 import b64encode

import pytest

from audit.witness import Witness, WitnessError, add_log, make_home
from proxy.ledger.note import Signer

ORIGIN = "ponctuel.example/nord"
LOG = Signer(ORIGIN, b"l" * 32)
STRANGER = Signer(ORIGIN, b"s" * 32)


@pytest.fixture
def home(tmp_path):
    home = tmp_path / "witness"
    make_home(home, "dpo.example/witness")
    add_log(home, LOG.key.encode(), 3600)
    return home


def test_its_folder_and_keys_are_its_own(home):
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    for name in ("key", "nonce-key"):
        assert stat.S_IMODE((home / name).stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["key", "nonce-key"])
def test_a_key_that_others_can_read_is_not_used(home, name):
    (home / name).chmod(0o640)

    with pytest.raises(WitnessError, match="chmod 600"):
        Witness(home)


def test_a_witness_that_has_forgotten_what_it_signed_does_not_sign(home):
    (home / "state.db").unlink()

    with pytest.raises(WitnessError, match="make a new one"):
        Witness(home)


def test_a_log_whose_last_tree_is_forgotten_is_not_begun_anew(home):
    with (home / "logs").open("a") as logs:
        logs.write(f"{Signer('x.example', b'x' * 32).key.encode()} 3600\n")

    with pytest.raises(WitnessError, match=r"x\.example is lost"):
        Witness(home)


def test_a_witness_is_made_once(home):
    with pytest.raises(WitnessError, match="not empty"):
        make_home(home, "dpo.example/witness")


@pytest.mark.parametrize("name", ["", "two words", "a+b", "caf\u00e9", "x" * 201])
def test_a_name_no_note_can_hold_is_refused_and_makes_nothing(tmp_path, name):
    with pytest.raises(WitnessError):
        make_home(tmp_path / "w", name)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "just-a-name",
        LOG.key.encode()[:-4],
        LOG.key.encode().replace("nord", "sud"),
        "dpo.example+00000000+" + b64encode(b"\4" + bytes(32)).decode(),
    ],
)
def test_what_is_no_key_of_a_log_is_not_added(home, vkey):
    with pytest.raises(WitnessError):
        add_log(home, vkey, 3600)

    assert len((home / "logs").read_text().splitlines()) == 1


def test_an_origins_epochs_have_one_length(home):
    with pytest.raises(WitnessError, match="3600"):
        add_log(home, STRANGER.key.encode(), 300)
