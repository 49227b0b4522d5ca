"""What a site is told about the rights of the persons it recorded."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from proxy.access.hours import Hours
from proxy.rights.senders import SenderConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Practice:
    """A practice whose lines the site answers; `contact` is for requests passed on."""

    is_controller: bool = False
    contact: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RightsConfig:
    """Whom letters are from, how numbers are read, how long a link is good.

    `lines` have the code of the practice each dialled number belongs to.
    """

    country: str = "FR"
    controller: str = ""
    contact: str = ""
    dpo_contact: str = ""
    link: timedelta = timedelta(days=7)
    practices: Mapping[str, Practice] = field(default_factory=dict)
    lines: Mapping[str, str] = field(default_factory=dict)
    hours: Hours = field(default_factory=Hours)
    sender: SenderConfig | None = None
