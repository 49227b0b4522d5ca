"""What can be wrong with an account, or with signing in to one."""

from proxy.errors import PonctuelError, UnauthorizedError


class SignInRefusedError(UnauthorizedError):
    """Not signed in: something of it is wrong, or was tried too often."""

    # One text for everything: which of it was wrong, and whether there is such a code,
    # is nobody's business who does not know both.
    error_id = "sign-in-refused"


class TooManyAttemptsError(PonctuelError):
    """Too many attempts came from where you are."""

    status = 429
    error_id = "too-many-attempts"


class WeakPasswordError(PonctuelError):
    """This password would be guessed."""

    status = 422
    error_id = "weak-password"


class InvitationOverError(PonctuelError):
    """This invitation is over, was used, or never was."""

    status = 410
    error_id = "invitation-over"


class WrongFactorError(PonctuelError):
    """The code of the second factor is not right, or was used before."""

    status = 422
    error_id = "wrong-factor"


class StaleFactorError(PonctuelError):
    """The second factor was shown too long ago."""

    status = 403
    error_id = "stale-factor"


class WrongPasswordError(PonctuelError):
    """This is not your password, or too many were tried."""

    status = 422
    error_id = "wrong-password"


class UnknownAccountError(PonctuelError):
    """There is no such account."""

    status = 404
    error_id = "unknown-account"


class NotAppointedError(UnauthorizedError):
    """No data protection officer has said yet that this account is yours."""

    error_id = "not-appointed"


class NotAcceptedError(PonctuelError):
    """Nobody has accepted this account's invitation yet."""

    status = 409
    error_id = "not-accepted"


class CodeTakenError(PonctuelError):
    """Somebody else has, or had, this code."""

    status = 409
    error_id = "code-taken"


class AgentTakenError(PonctuelError):
    """Another account is this agent's."""

    status = 409
    error_id = "agent-taken"


class AccountRefusedError(PonctuelError):
    """No such account can be made."""

    status = 422
    error_id = "account-refused"


class OwnAccountError(AccountRefusedError):
    """Nobody changes or resets their own account."""

    status = 403
    error_id = "own-account"


class UnknownSessionError(PonctuelError):
    """There is no such session of yours."""

    status = 404
    error_id = "unknown-session"
