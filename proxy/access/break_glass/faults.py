"""Why the glass does not break, or its use cannot be reviewed."""

from proxy.errors import PonctuelError, UnauthorizedError


class GlassOffError(PonctuelError):
    """Emergency access is switched off."""

    status = 403
    error_id = "break-glass-off"


class GlassReasonError(PonctuelError):
    """Emergency access asks for a reason in words."""

    status = 422
    error_id = "break-glass-reason"


class GlassOpenError(PonctuelError):
    """One recording at a time: another one is open."""

    status = 409
    error_id = "break-glass-open"


class UnknownUseError(PonctuelError):
    """There is no such recording, or no such use of emergency access."""

    status = 404
    error_id = "unknown-use"


class OwnUseError(PonctuelError):
    """Nobody reviews what they did themselves."""

    status = 403
    error_id = "own-use"


class ReviewedError(PonctuelError):
    """This use was reviewed already."""

    status = 409
    error_id = "use-reviewed"


class SuspendedError(UnauthorizedError):
    """Suspended: a use of emergency access was not reviewed in time."""

    error_id = "suspended"
