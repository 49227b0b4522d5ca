"""A wrong length of epochs gives nonces away: it is checked where it is told."""

import re
import time
from itertools import product

import pytest

from audit.witness import Witness, WitnessError, add_log, main, make_home, read_logs
from proxy.ledger.note import Signer

LOG = Signer("ponctuel.example/nord", b"l" * 32)
VKEY = LOG.key.encode()


@pytest.fixture
def home(tmp_path):
    make_home(tmp_path / "w", "dpo.example/witness")
    return tmp_path / "w"


@pytest.mark.parametrize("seconds", [-1, 0, 1, 299, 86_401, 10**30])
def test_a_length_no_ledger_has_is_refused_in_one_line_and_changes_nothing(
    home, capsys, seconds
):
    status = main(["add", str(home), VKEY, "--epoch-seconds", str(seconds)])

    told = capsys.readouterr()
    assert (status, told.out, told.err.count("\n")) == (2, "", 1)
    assert "300 to 86400 seconds" in told.err
    assert (home / "logs").read_text() == ""
    Witness(home).close()


@pytest.mark.parametrize("seconds", [300, 3600, 86_400])
def test_the_epoch_that_is_running_is_told_to_be_compared(home, capsys, seconds):
    earliest = int(time.time()) // seconds
    assert main(["add", str(home), VKEY, "--epoch-seconds", str(seconds)]) == 0
    added = capsys.readouterr().out
    assert main(["show", str(home)]) == 0
    shown = capsys.readouterr().out

    for told, number in product((added, shown), (0, 48)):
        found = re.search(
            rf"{seconds} seconds: (\d+) is .* OPEN is (\d+) to (\d+)", told
        )
        running, first, last = map(int, found.groups())
        assert earliest <= running == first <= int(time.time()) // seconds
        assert last == running + 48 >= running + number


BROKEN = {
    "nothing": "\n",
    "no length": f"{VKEY}\n",
    "no number": f"{VKEY} an hour\n",
    "no time at all": f"{VKEY} 0\n",
    "a length in another spelling": f"{VKEY} 03600\n",
    "no key": "ponctuel.example/nord 3600\n",
    "another length than before": f"{VKEY} 300\n",
    "not UTF-8": "\udcff\n",
}


@pytest.mark.parametrize("line", BROKEN.values(), ids=BROKEN)
def test_a_line_that_cannot_be_read_is_named(home, capsys, line):
    add_log(home, VKEY, 3600)
    with (home / "logs").open("a", errors="surrogateescape") as logs:
        logs.write(line)

    for command in ("serve", "show"):
        assert main([command, str(home)]) == 2
        told = capsys.readouterr()
        assert told.err.startswith(f"witness: {home / 'logs'}, line 2: ")
        assert (told.out, told.err.count("\n")) == ("", 1)


def test_two_keys_of_a_log_have_epochs_of_one_length(home):
    add_log(home, VKEY, 300)
    with pytest.raises(WitnessError, match="300 seconds"):
        add_log(home, Signer(LOG.key.name, b"n" * 32).key.encode(), 3600)

    add_log(home, Signer(LOG.key.name, b"n" * 32).key.encode(), 300)

    (log,) = read_logs(home / "logs").values()
    assert (len(log.keys), log.epoch_seconds) == (2, 300)
