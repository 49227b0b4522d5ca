"""Why a passkey is not accepted."""

from proxy.errors import PonctuelError, UnauthorizedError


class PasskeyRefusedError(UnauthorizedError):
    """This passkey did not show who you are; begin again."""

    # One text for everything: whose passkey it is, and whether it is anybody's, is
    # nobody's business.
    error_id = "passkey-refused"


class NoPasskeysError(PonctuelError):
    """Passkeys are not switched on here."""

    status = 404
    error_id = "no-passkeys"


class TooManyPasskeysError(PonctuelError):
    """You have as many passkeys as there may be; remove one first."""

    status = 409
    error_id = "too-many-passkeys"


class UnknownPasskeyError(PonctuelError):
    """You have no such passkey."""

    status = 404
    error_id = "unknown-passkey"
