"""Every route there is."""

from typing import Any

from proxy.api.gates import ROUTES as GATES
from proxy.api.incidents import ROUTES as INCIDENTS
from proxy.api.monitors import ROUTES as MONITORS
from proxy.api.policies import ROUTES as POLICIES
from proxy.api.reconciliations import ROUTES as RECONCILIATIONS
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
    *INCIDENTS,
)
