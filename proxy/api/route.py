"""One route of the API: where, who may, what is asked, what is answered.

The table of routes is all there is: the server adds these and nothing else, and the
OpenAPI document and the access matrix are read from the same table.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from enum import Enum
from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter

from proxy.access.accounts.sessions import Session
from proxy.access.permissions import Actor, Permission
from proxy.errors import PonctuelError
from proxy.site import Site
from sampling.monitoring.observations import Monitor


class Public(Enum):
    """Said aloud where nobody is asked who they are."""

    PUBLIC = "public"


PUBLIC = Public.PUBLIC


class Model(BaseModel):
    """What is asked or answered: unknown fields are faults, nothing changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Nothing(Model):
    """A question without fields."""


Question = TypeVar("Question", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Asked(Generic[Question]):
    """A question that may be answered: by whom, about which site, and what."""

    actor: Actor
    site: Site
    question: Question
    place: Mapping[str, Any]
    """The other parameters of the path."""
    session: Session | None = None
    """Set where somebody signed in asks, and no token or key."""


class UnguardedRouteError(PonctuelError):
    """A route does not say who may use it."""

    error_id = "unguarded-route"


def check_guarded(path: str, permission: Permission | Public) -> None:
    """Raises UnguardedRouteError; a table that was read from nowhere is no excuse."""
    if not isinstance(permission, Permission | Public):
        raise UnguardedRouteError(path)


def add_guarded(
    application: web.Application,
    method: str,
    path: str,
    permission: Permission | Public,
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
) -> None:
    """The only way in: nothing is added that does not say who may use it.

    Raises UnguardedRouteError.
    """
    check_guarded(path, permission)
    application.router.add_route(method, path, handler)


# What it answers has the attributes of the model the route answers with.
Handler = Callable[[Asked[Question]], Awaitable[object]]


@dataclass(frozen=True, slots=True, eq=False)
class Route(Generic[Question]):
    """`asks` comes as the query of a GET and as the JSON body of anything else."""

    method: Literal["GET", "POST", "PUT"]
    path: str
    permission: Permission
    handler: Handler[Question]
    _: KW_ONLY
    summary: str
    asks: type[Question]
    answers: type[BaseModel]
    status: int = 200
    refusals: tuple[type[PonctuelError], ...] = field(default=())
    """What else it may answer, beside what every route may."""
    example: Mapping[str, Any] | None = None
    """A body that would be understood."""
    is_heavy: bool = False
    """At most one of a part's runs at a time for each site."""

    def __post_init__(self) -> None:
        check_guarded(self.path, self.permission)

    @property
    def part(self) -> str:
        """Which part of the API it belongs to."""
        return self.handler.__module__.rpartition(".")[2]

    @property
    def name(self) -> str:
        """What the OpenAPI document calls it."""
        return f"{self.part}_{self.handler.__name__}"

    @property
    def has_body(self) -> bool:
        return self.method != "GET" and self.asks is not Nothing


# Parameters of paths, beside the site; what does not fit is nowhere.
PLACES: Mapping[str, TypeAdapter[Any]] = {
    "alert": TypeAdapter(UUID),
    "use": TypeAdapter(UUID),
    "month": TypeAdapter(
        Annotated[str, StringConstraints(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$")]
    ),
    "policy": TypeAdapter(Annotated[int, Field(ge=1, le=2**31 - 1)]),
    "analysis": TypeAdapter(UUID),
    "grant": TypeAdapter(UUID),
    "incident": TypeAdapter(UUID),
    "monitor": TypeAdapter(Monitor),
    "play": TypeAdapter(UUID),
    "request": TypeAdapter(UUID),
}
