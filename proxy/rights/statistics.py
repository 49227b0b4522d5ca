"""A year's requests in numbers, for the yearly report: nobody can be recognised."""

from proxy.rights.records import Place
from proxy.rights.requests import Requests
from retention.rights.report import Answered, Report, report

_PAGE = 500


async def statistics(requests: Requests, year: int) -> Report:
    """Of the requests answered in that year, by the clock on the site's wall."""
    found: list[Answered] = []
    place: Place | None = None
    while page := await requests.list(is_open=False, after=place, limit=_PAGE):
        for request in page:
            at = request.standing.answered_at
            if at is not None and requests.local(at).year == year:
                found.append(Answered.of(request.standing))
        place = page[-1].due_on, page[-1].request_id
    return report(year, found)
