"""Why a package is not made, not handed out, or not handed out any more."""

from proxy.errors import PonctuelError


class NoPackageError(PonctuelError):
    """There is no package for this request."""

    status = 404
    error_id = "no-package"


class PackageNotReadyError(PonctuelError):
    """The package is still being put together, or cannot be."""

    status = 409
    error_id = "package-not-ready"


class NothingToPackError(PonctuelError):
    """No recording is held for this request, so there is nothing to hand over."""

    status = 409
    error_id = "nothing-to-pack"


class NotFaultyError(PonctuelError):
    """Only what kept the package from being made is left out of it."""

    status = 409
    error_id = "not-faulty"


class LinkOverError(PonctuelError):
    """This link is over, was used, or never was."""

    # One text for everything: whether there ever was such a link is for those who have
    # it and the code.
    status = 410
    error_id = "link-over"


class SamePersonError(PonctuelError):
    """Whoever gives out the link, or says who asks, does not give out the code."""

    status = 403
    error_id = "same-person"


class WrongCodeError(PonctuelError):
    """This is not the code, or it is over."""

    status = 403
    error_id = "wrong-code"


class PackageOverError(PonctuelError):
    """Something in this package may no longer be handed over, or is no longer there."""

    status = 410
    error_id = "package-over"


class AlreadySendingError(PonctuelError):
    """This package is being downloaded already."""

    status = 429
    error_id = "already-sending"


class TooManyDownloadsError(PonctuelError):
    """Others are downloading just now; it is your turn soon."""

    status = 503
    error_id = "too-many-downloads"
