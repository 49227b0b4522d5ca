"""Why something about a request is refused, or is not done yet."""

from proxy.errors import PonctuelError


class UnknownRequestError(PonctuelError):
    """There is no such request."""

    status = 404
    error_id = "unknown-request"


class BadRequestError(PonctuelError):
    """This request cannot be received as it is written."""

    status = 422
    error_id = "bad-request"


class MoveRefusedError(PonctuelError):
    """A request in this state does not do that."""

    status = 409
    error_id = "request-move"


class NotDoneError(PonctuelError):
    """What the person asked for is not done yet, so nobody says that it is."""

    status = 409
    error_id = "not-done"


class OwnRequestError(PonctuelError):
    """Nobody answers a request of their own."""

    status = 403
    error_id = "own-request"


class SomebodyElsesNumberError(PonctuelError):
    """This is not the number the request is about."""

    status = 403
    error_id = "somebody-elses-number"


class NoSenderError(PonctuelError):
    """The service has no way of sending a message to a telephone."""

    status = 409
    error_id = "no-sender"


class NotSentError(PonctuelError):
    """Whether the message was sent is not known; it may have been."""

    status = 502
    error_id = "not-sent"


class TooManyCodesError(PonctuelError):
    """Enough codes were sent for now."""

    status = 429
    error_id = "too-many-codes"


class ProofRefusedError(PonctuelError):
    """This proves nothing."""

    status = 403
    error_id = "proof-refused"


class DocumentLeftError(PonctuelError):
    """The copy of an identity document has not been destroyed yet."""

    status = 409
    error_id = "document-left"


class StillFrozenError(PonctuelError):
    """A recording could not be given back to its own end yet."""

    status = 503
    error_id = "still-frozen"


class NoLetterheadError(PonctuelError):
    """Letters cannot say whom they are from."""

    status = 409
    error_id = "no-letterhead"
