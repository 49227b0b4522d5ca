"""Errors on the wire: RFC 9457 problem documents, never a stack trace."""

import json

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from proxy.errors import PonctuelError

PROBLEM = "application/problem+json"
log = structlog.get_logger()


def problem_response(error: PonctuelError) -> web.Response:
    """What is wrong with us in particular, strangers need not know."""
    document = error.problem()
    if error.status >= web.HTTPInternalServerError.status_code:
        document.pop("detail", None)
    return web.Response(
        status=error.status,
        body=json.dumps(document).encode(),
        content_type=PROBLEM,
    )


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every error into a problem document; an unforeseen one says nothing."""
    try:
        return await handler(request)
    except PonctuelError as error:
        cause = type(error.__cause__).__name__ if error.__cause__ else None
        log.info("refused", problem=error.error_id, status=error.status, cause=cause)
        return problem_response(error)
    except web.HTTPException as error:
        plain = PonctuelError(error.reason)
        document = plain.problem() | {
            "type": "about:blank",
            "title": error.reason,
            "status": error.status,
        }
        document.pop("detail")
        return web.json_response(
            document,
            status=error.status,
            content_type=PROBLEM,
            headers={k: v for k, v in error.headers.items() if k == "Allow"},
        )
    except Exception as error:  # noqa: BLE001  # the last fence before the socket
        log.critical("unforeseen", error=type(error).__name__)
        return problem_response(PonctuelError())
