"""Templates, filled in: everything is escaped, nothing is left out silently."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from proxy.access.permissions import Permission
from proxy.console.menu import EMERGENCY, MENU
from proxy.console.visit import ROOT, Page, Visit
from proxy.console.words import LANGUAGES

TEMPLATES = Path(__file__).parent / "templates"


def moment(at: datetime) -> str:
    """A moment as everybody reads it, whatever their language."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def time(at: datetime) -> Markup:
    """The same, as an element of its own."""
    return Markup('<time datetime="{}">{}</time>').format(at.isoformat(), moment(at))


def minutes(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02}"


_PAGES = Environment(
    loader=FileSystemLoader(TEMPLATES),
    autoescape=True,
    auto_reload=False,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_PAGES.filters |= {"moment": moment, "time": time, "minutes": minutes}
_PAGES.globals |= {
    "root": ROOT,
    "languages": tuple(LANGUAGES),
    "can": Permission,
}


def render(visit: Visit, page: Page) -> str:
    around: dict[str, Any] = {
        "t": visit.words,
        "csrf": visit.csrf,
        "may": visit.may,
        "session": visit.signed_in,
        "menu": _menu(visit),
        "path": visit.request.path.removeprefix(ROOT),
    }
    return _PAGES.get_template(page.template).render({**around, **page.values})


def _menu(visit: Visit) -> list[str]:
    """Where whoever looks may go; emergency access where there is any."""
    if visit.signed_in is None:
        return []
    is_off = not visit.site.access.config.has_break_glass
    return [
        place
        for place, permission in MENU
        if visit.may(permission) and not (place == EMERGENCY and is_off)
    ]
