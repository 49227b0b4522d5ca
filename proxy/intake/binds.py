"""A call on its way to its draw, who waits for it, and why it may not get one."""

import asyncio
from dataclasses import dataclass, field

from proxy.errors import PonctuelError
from proxy.intake.epochs import Tags
from proxy.intake.store import DrawnCall


class ClockFaultError(PonctuelError):
    """The clock went back further than a draw can follow."""

    status = 503
    error_id = "clock-fault"


class StalePolicyError(PonctuelError):
    """Another replica has adopted a different policy."""

    status = 503
    error_id = "stale-policy"


class DeadlineError(PonctuelError):
    """The draw was not committed within the connection's deadline."""

    status = 503
    error_id = "deadline"


class OverloadError(PonctuelError):
    """Too many calls are waiting for their draw."""

    status = 503
    error_id = "overload"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bind:
    """What a draw must know of a call.

    `leg_key` is the tag of the leg that asks, if it is not the root call itself.
    `gate_code` is the line's closed gate; whether the policy's own is closed is decided
    with the draw.
    """

    tags: Tags
    leg_key: bytes | None
    connection: str
    stratum: str
    gate_code: str | None
    agent_key: bytes | None = None

    @property
    def names(self) -> tuple[bytes, ...]:
        """The tags it may be bound under already."""
        return self.tags.all


@dataclass(slots=True, eq=False)
class Caller:
    """Somebody who waits, on this replica, for the draw of a call.

    Made inside a running event loop. After `patience` seconds the platform is told
    "skip", whatever becomes of the draw: it must not end as RECORD.
    """

    bind: Bind
    patience: float
    deadline: float = field(init=False)  # in the event loop's time
    answered: asyncio.Future[DrawnCall] = field(init=False)

    def __post_init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.deadline = loop.time() + self.patience
        self.answered = loop.create_future()
        timer = loop.call_at(self.deadline, self.refuse, DeadlineError())

        def stop(answered: asyncio.Future[DrawnCall]) -> None:
            timer.cancel()
            if not answered.cancelled():
                answered.exception()  # so that it counts as seen if nobody waits now

        self.answered.add_done_callback(stop)

    @property
    def is_waiting(self) -> bool:
        return not self.answered.done()

    def tell(self, call: DrawnCall) -> bool:
        """Answer with the draw; False when it comes too late."""
        is_heard = self.is_waiting
        if is_heard:
            self.answered.set_result(call)
        return is_heard

    def refuse(self, error: PonctuelError) -> None:
        if self.is_waiting:
            self.answered.set_exception(error)
