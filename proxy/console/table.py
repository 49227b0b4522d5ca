"""Every page and form there is; the matrix of who may see what is read from here."""

from proxy.console import (
    account,
    accounts,
    alerts,
    analyses,
    emergencies,
    evidence,
    grants,
    home,
    invitations,
    notice,
    packages,
    passkeys,
    recordings,
    reviews,
    signing_in,
    single_sign_on,
    trace,
)
from proxy.console.visit import PageRoute

ROUTES: tuple[PageRoute, ...] = (
    *home.ROUTES,
    *signing_in.ROUTES,
    *passkeys.ROUTES,
    *single_sign_on.ROUTES,
    *invitations.ROUTES,
    *notice.ROUTES,
    *packages.ROUTES,
    *account.ROUTES,
    *recordings.ROUTES,
    *analyses.ROUTES,
    *grants.ROUTES,
    *trace.ROUTES,
    *alerts.ROUTES,
    *reviews.ROUTES,
    *emergencies.ROUTES,
    *evidence.ROUTES,
    *accounts.ROUTES,
)
