"""Those who answer people about their recordings, and what they look with."""

from proxy.access.permissions import Actor, Role, ShownBy
from proxy.rights.config import RightsConfig
from proxy.rights.finding import Finder
from tests.fakes.call_centre import CallCentre
from tests.fakes.clinic import LINE, OUTBOUND_LINE, SITE

OFFICER = Actor("officer-rosa", Role.RIGHTS_OFFICER, SITE, ShownBy.SESSION)
LINES = {LINE: "cardio", OUTBOUND_LINE: "cardio", "+33140000009": "skin"}


def finder_of(centre: CallCentre) -> Finder:
    """As the service has it; its site has two practices."""
    site = centre.site
    return Finder(
        site.caller_names,
        site.access.trace,
        site.keys.name_agent,
        site.database,
        site.clock,
        RightsConfig(lines=LINES),
    )
