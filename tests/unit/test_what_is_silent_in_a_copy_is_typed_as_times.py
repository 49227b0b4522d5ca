"""`ponctuel requests mute`: parts of a copy by milliseconds, each with its reason."""

from uuid import UUID

import pytest

from proxy import cli
from proxy.rights.packages.muting import Cut, Why

ID = str(UUID(int=7))
MUTE = ["requests", "mute", ID, "--site", "nord", "--recording", ID]


def test_each_part_has_a_beginning_an_end_and_a_reason():
    args = cli.parser().parse_args(
        [*MUTE, "--cut", "0-1500:third-party", "--cut", "9000-9500:security"]
    )

    cuts = [Cut(cut.start, cut.stop, cut.why) for cut in args.cut]
    assert cuts == [Cut(0, 1500, Why.THIRD_PARTY), Cut(9000, 9500, Why.SECURITY)]


def test_without_a_part_nothing_is_silent():
    assert cli.parser().parse_args(MUTE).cut == []


@pytest.mark.parametrize(
    "text",
    ["", "0-1500", "0-1500:boring", "1500:third-party", "-1-5:security", "a-b:c"],
)
def test_what_is_no_part_is_refused(text, capsys):
    with pytest.raises(SystemExit) as refusal:
        cli.parser().parse_args([*MUTE, f"--cut={text}"])

    assert refusal.value.code == 2
    assert "--cut" in capsys.readouterr().err
