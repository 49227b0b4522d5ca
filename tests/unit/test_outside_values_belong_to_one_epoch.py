"""Which round and which nonce an epoch is drawn with is fixed before they exist."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from sampling.mixing import nonce_commitment, round_of_epoch, time_of_round
from sampling.seed import epoch_start

instants = st.integers(1_600_000_000, 4_000_000_000)  # POSIX seconds
epochs = st.integers(20_000, 10_000_000)
lengths = st.integers(300, 86_400)
nonces = st.binary(min_size=32, max_size=32)


def test_round_1000_is_the_one_published_for_its_second() -> None:
    assert time_of_round(1000) == datetime.fromtimestamp(1_692_806_364, UTC)
    assert time_of_round(1) == datetime.fromtimestamp(1_692_803_367, UTC)
    assert round_of_epoch(5_224_711, 324) == 1000  # it begins in that very second
    assert round_of_epoch(3_028_271, 559) == 42  # it begins one second before


@given(instants, lengths)
def test_an_epochs_round_is_the_first_that_does_not_come_before_it(
    instant: int, seconds: int
) -> None:
    epoch = instant // seconds
    number, start = round_of_epoch(epoch, seconds), epoch_start(epoch, seconds)

    assert time_of_round(number) >= start
    assert number == 1 or time_of_round(number - 1) < start


@given(instants, lengths)
def test_two_epochs_never_share_a_round_once_the_chain_runs(
    instant: int, seconds: int
) -> None:
    epoch = instant // seconds
    if epoch_start(epoch, seconds) > time_of_round(1) + timedelta(days=1):
        first, second = (round_of_epoch(e, seconds) for e in (epoch, epoch + 1))
        assert first < second


@given(epochs, nonces)
def test_a_commitment_is_the_published_hash_of_epoch_and_nonce(
    epoch: int, nonce: bytes
) -> None:
    told = b"ponctuel/nonce/v1" + epoch.to_bytes(8, "big") + nonce

    assert nonce_commitment(epoch, nonce) == sha256(told).digest()


@given(epochs, nonces, nonces)
def test_a_commitment_opens_to_one_nonce_of_one_epoch(
    epoch: int, nonce: bytes, other: bytes
) -> None:
    committed = nonce_commitment(epoch, nonce)

    assert nonce_commitment(epoch + 1, nonce) != committed
    assert (nonce_commitment(epoch, other) == committed) == (nonce == other)
