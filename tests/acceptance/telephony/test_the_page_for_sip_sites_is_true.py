"""The page a SIP site installs from names what there is, and the unit file is sound."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from proxy.ship.shipper import Fate
from tests.acceptance.telephony.lab import KAMAILIO_CFG, ROOT

PAGE = (ROOT / "docs" / "platforms" / "kamailio-rtpengine.md").read_text("utf-8")
UNIT = KAMAILIO_CFG.parent / "ponctuel-ship.service"
VARIABLE = r"PONCTUEL_SIP_[A-Z]+"


def test_every_variable_of_the_routing_is_on_the_page_and_no_other():
    assert set(re.findall(VARIABLE, PAGE)) == set(
        re.findall(VARIABLE, KAMAILIO_CFG.read_text("utf-8"))
    )


def test_every_variable_that_is_missing_stops_the_start():
    routing = KAMAILIO_CFG.read_text("utf-8")
    required = re.findall(rf"^#!defenvs? +({VARIABLE})", routing, re.MULTILINE)

    assert set(required) == set(re.findall(VARIABLE, routing))


def test_every_fate_of_a_capture_is_on_the_page():
    named = re.findall(r"^\| `([a-z]+)` \|", PAGE, re.MULTILINE)

    assert set(named) == {fate.value for fate in Fate}


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here")
def test_systemd_understands_the_unit(tmp_path: Path):
    here = tmp_path / UNIT.name
    here.write_text(
        UNIT.read_text("utf-8").replace("/opt/ponctuel/bin/", "/usr/bin/env ")
    )
    checked = subprocess.run(
        ["systemd-analyze", "verify", here], capture_output=True, text=True, check=False
    )

    assert (checked.returncode, checked.stderr) == (0, "")
