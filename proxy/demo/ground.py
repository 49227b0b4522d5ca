"""Where the demo may live, and the settings it leaves there for the other commands.

It moves into a directory that is empty or already its own, and into no other; it never
deletes anything, so to start over is to name another directory.
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from proxy.demo.calls import EXCLUDED_LINE, LINES
from proxy.demo.simulator import Credentials
from proxy.errors import SettingsError

SITE = "demo"
CONNECTION = "simulateur"
SETTINGS_FILE = "demo.toml"
AUDITOR_FILE = "auditor.txt"

# Both halves of the story lie inside, and two months are left to try the commands in.
_CAMPAIGN_BEFORE = timedelta(days=32)
_CAMPAIGN = timedelta(days=92)

_REFERENCES = """\
article_6 = {{ kind = "6-1-f", {written} }}
balancing_test = {{ {written} }}
article_9 = {{ kind = "9-2-a", {written} }}
dpia = {{ {written} }}
dpo_opinion = {{ {written} }}
staff_information = {{ kind = "cse", {written} }}
hosting = {{ kind = "self_hosted", {written} }}\
"""

# 8 % is more than "occasional" elsewhere: a demo of 200 calls has to show some
# recordings. It is within the hard limits: burst + 1000 x ceiling = 100.
_TEMPLATE = """\
# The demo's settings, written anew by each `ponctuel demo`. Try them with
#   PONCTUEL_CONFIG={path} ponctuel doctor
# The secrets below are random and of no use to any real platform. A database given as
# PONCTUEL_DATABASE__DSN is not repeated here.
data_dir = {directory}

[vault]
keys = {keys}  # with all else of the demo; by default they lie beside `data_dir`

[metrics]
interval_seconds = 10  # to see something; the default is 60, and small sites take 900

[sites.{site}]
# 8 % is above the soft ceiling: at a real site the DPO would have said so somewhere.
dpo_approval = {{ {written} }}
dpo_contact = "dpo@exemple.invalid"

[sites.{site}.policy]
purpose = "training"
rate = "8%"
ceiling = "8.5%"
burst = 15
smooth = 5
starts_on = {starts_on}
ends_on = {ends_on}
max_seconds = 120
kept_days = 30

[sites.{site}.rights]
controller = "Télésecrétariat Exemple"
contact = "1 rue de l'Exemple, 44000 Nantes"

[sites.{site}.practices]
exemple.authorisation = {{ {written} }}

[sites.{site}.line_groups.cardiologie]
practice = "exemple"
{references}

[sites.{site}.line_groups.pediatrie]
practice = "exemple"
{references}

# Calls of the staff's representatives are never recorded.
[sites.{site}.line_groups.representants]
practice = "exemple"

[sites.{site}.lines]
{lines}

[sites.{site}.connections.{connection}]
kind = "generic"
secrets = ["{credentials.secret}"]
source_token = "{credentials.source_token}"
allowed_hosts = ["{host}"]
allow_private_addresses = true
deadline_ms = 5000  # the machine also plays the platform
"""


@dataclass(frozen=True, slots=True)
class Ground:
    """The demo's directory."""

    directory: Path

    @property
    def settings_file(self) -> Path:
        return self.directory / SETTINGS_FILE

    @property
    def auditor_file(self) -> Path:
        return self.directory / AUDITOR_FILE


def choose_ground(environment: Mapping[str, str]) -> Ground:
    """The data directory, absolute. Raises SettingsError for one that is not ours."""
    directory = Path(environment.get("PONCTUEL_DATA_DIR") or "var").absolute()
    try:
        found = os.listdir(directory)  # noqa: PTH208 - names are enough
    except FileNotFoundError:
        found = []
    except OSError as error:
        raise _not_ours(f"{directory}: {error.strerror}") from None
    if found and SETTINGS_FILE not in found:
        raise _not_ours(f"{directory} holds something that is not a demo")
    return Ground(directory)


def _not_ours(detail: str) -> SettingsError:
    return SettingsError(
        detail, field="PONCTUEL_DATA_DIR", fix="name an empty or a new directory"
    )


def write_settings(
    ground: Ground, credentials: Credentials, host: str, today: date
) -> None:
    """Leave the settings of this run, readable by the owner alone."""
    starts_on = _earlier_campaign(ground) or today - _CAMPAIGN_BEFORE
    if starts_on + _CAMPAIGN <= today:
        # A settings file may not prolong a campaign: that takes an operator and a DPO.
        raise _not_ours(f"the demo's campaign in {ground.directory} is over")
    written = f'reference = "demo", on = {starts_on.isoformat()}, author = "dpo"'
    text = _TEMPLATE.format(
        path=ground.settings_file,
        directory=_quoted(str(ground.directory)),
        keys=_quoted(str(ground.directory / "keys")),
        site=SITE,
        starts_on=starts_on.isoformat(),
        ends_on=(starts_on + _CAMPAIGN).isoformat(),
        lines="\n".join(_lines()),
        written=written,
        references=_REFERENCES.format(written=written),
        connection=CONNECTION,
        credentials=credentials,
        host=host,
    )
    try:
        ground.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _replace(ground.settings_file, text)
    except OSError as error:
        raise _not_ours(f"{ground.directory}: {error.strerror}") from None


def _earlier_campaign(ground: Ground) -> date | None:
    """The first day of an earlier run's campaign: its policy stays in force."""
    try:
        earlier = tomllib.loads(ground.settings_file.read_text("utf-8"))
        starts_on = earlier["sites"][SITE]["policy"]["starts_on"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return starts_on if isinstance(starts_on, date) else None


def _lines() -> list[str]:
    groups = ("cardiologie", "pediatrie")
    lines = [
        f'"{line}" = {{ group = "{groups[number % len(groups)]}" }}'
        for number, line in enumerate(LINES)
    ]
    return [
        *lines,
        f'"{EXCLUDED_LINE}" = {{ group = "representants", is_excluded = true }}',
    ]


def _quoted(text: str) -> str:
    """A TOML basic string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _replace(file: Path, text: str) -> None:
    """Write a private file whole or not at all."""
    new = file.with_name(f".{file.name}.new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    new.replace(file)
