"""Every route there is."""

from typing import Any

from proxy.api.access_alerts import ROUTES as ALERTS
from proxy.api.access_reviews import ROUTES as REVIEWS
from proxy.api.access_trace import ROUTES as TRACE
from proxy.api.analyses import ROUTES as ANALYSES
from proxy.api.break_glass import ROUTES as BREAK_GLASS
from proxy.api.gates import ROUTES as GATES
from proxy.api.grants import ROUTES as GRANTS
from proxy.api.habilitations import ROUTES as HABILITATIONS
from proxy.api.incidents import ROUTES as INCIDENTS
from proxy.api.monitors import ROUTES as MONITORS
from proxy.api.notices import ROUTES as NOTICES
from proxy.api.policies import ROUTES as POLICIES
from proxy.api.reconciliations import ROUTES as RECONCILIATIONS
from proxy.api.recordings import ROUTES as RECORDINGS
from proxy.api.request_moves import ROUTES as REQUEST_MOVES
from proxy.api.request_outcomes import ROUTES as REQUEST_OUTCOMES
from proxy.api.request_packages import ROUTES as REQUEST_PACKAGES
from proxy.api.requests import ROUTES as REQUESTS
from proxy.api.route import Route
from proxy.api.simulations import ROUTES as SIMULATIONS
from proxy.api.stops import ROUTES as STOPS

ROUTES: tuple[Route[Any], ...] = (
    *POLICIES,
    *SIMULATIONS,
    *STOPS,
    *MONITORS,
    *RECONCILIATIONS,
    *GATES,
    *NOTICES,
    *INCIDENTS,
    *GRANTS,
    *HABILITATIONS,
    *RECORDINGS,
    *ANALYSES,
    *TRACE,
    *ALERTS,
    *REVIEWS,
    *BREAK_GLASS,
    *REQUESTS,
    *REQUEST_MOVES,
    *REQUEST_OUTCOMES,
    *REQUEST_PACKAGES,
)
