"""Whatever goes wrong becomes a page in the reader's language, and says little."""

from dataclasses import replace

import structlog
from aiohttp import web

from proxy.console.visit import Page, Visit
from proxy.console.words import Words
from proxy.errors import PonctuelError

log = structlog.get_logger()
_FAULT = 500


def fault_of(error: Exception) -> PonctuelError | web.HTTPException:
    """The error, or one that says nothing where nobody foresaw it."""
    match error:
        case PonctuelError():
            log.info("refused", problem=error.error_id, status=error.status)
            return error
        case web.HTTPException():
            return error
        case _:
            log.critical("unforeseen", error=type(error).__name__)
            return PonctuelError()


def failure_page(words: Words, error: PonctuelError | web.HTTPException) -> Page:
    """Its own text where one is written; else what its status means.

    What an error tells operators may quote what was sent, and is in English only.
    """
    named = f"errors.{error.error_id}" if isinstance(error, PonctuelError) else ""
    text = words.first_of(named, f"errors.{error.status}", "errors.500")
    is_nobody = error.status == web.HTTPUnauthorized.status_code
    return Page("failure.html", {"told": text, "is_nobody": is_nobody}, error.status)


def told(words: Words, error: PonctuelError) -> str:
    """One sentence above a form that was refused: about a field, if one is known."""
    return words.first_of(
        f"faults.{error.error_id}.{error.field}",
        f"errors.{error.error_id}",
        f"errors.{error.status}",
        "errors.500",
    )


def again(visit: Visit, page: Page, error: PonctuelError) -> Page:
    """The form once more, and why. Raises the error where the form is not at fault."""
    if error.status >= _FAULT:
        raise error
    values = {**page.values, "fault": told(visit.words, error)}
    return replace(page, values=values, status=error.status)
