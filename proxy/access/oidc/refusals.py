"""Why somebody does not get in by single sign-on.

What is wrong with a token goes to the log and to the trace as a word of a closed list;
whoever sent it hears the same sentence each time.
"""

from enum import StrEnum

from proxy.errors import PonctuelError


class Why(StrEnum):
    """Every reason there is; the trace's `about` begins with `sso-`."""

    STATE = "sso-state"
    ISSUER = "sso-issuer"
    PROVIDER_SAID_NO = "sso-declined"
    ALGORITHM = "sso-algorithm"
    KEY = "sso-key"
    TOKEN = "sso-token"  # noqa: S105  # a word for one
    CLAIMS = "sso-claims"
    AGE = "sso-age"
    GROUP = "sso-group"
    ACCOUNT = "sso-account"
    FACTOR = "sso-factor"
    PROVIDER = "sso-provider"


class ProviderFaultError(PonctuelError):
    """The identity provider did not answer as one does; nobody was signed in."""

    status = 502
    error_id = "identity-provider"


class NoSingleSignOnError(PonctuelError):
    """Single sign-on is not switched on here."""

    status = 404
    error_id = "no-single-sign-on"


class SingleSignOnRefusedError(PonctuelError):
    """Single sign-on did not show who you are; begin again."""

    status = 401
    error_id = "single-sign-on-refused"

    def __init__(self, why: Why) -> None:
        self.why = why
        super().__init__()


class NotAdmittedError(SingleSignOnRefusedError):
    """Your organisation has given you nothing to do here."""

    status = 403
    error_id = "not-admitted"
