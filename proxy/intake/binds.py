"""A call on its way to its draw, who waits for it, and why it may not get one."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Self

from proxy.errors import PonctuelError
from proxy.intake.epochs import Tags
from proxy.intake.store import DrawnCall
from sampling.legal import Expiry
from sampling.policy import NO_POLICY, SamplingPolicy


class ClockFaultError(PonctuelError):
    """The clock went back further than a draw can follow."""

    status = 503
    error_id = "clock-fault"


class StalePolicyError(PonctuelError):
    """This replica does not know the newest policy."""

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
    `gate_code` is the line's closed gate. Whether the policy's own is closed is decided
    with the draw, and so is whether the line's has closed since, at its `expiry`.

    Stratum, exclusions and `agent_key` are as the policy of `policy_version` has them.
    Where the call came in, `judge` has them as another policy does.

    `agent_key` is for hearing every agent, where the stratum wishes that. Caps go by
    `agent_name`, and by `caller_names`: this month's first, () for a withheld number.
    """

    tags: Tags
    leg_key: bytes | None
    connection: str
    stratum: str
    gate_code: str | None
    agent_key: bytes | None = None
    expiry: Expiry | None = None
    agent_name: bytes | None = None
    caller_names: tuple[bytes, ...] = ()
    policy_version: int = NO_POLICY.version
    judge: Callable[[Self, SamplingPolicy], Self] | None = field(
        default=None, compare=False, repr=False
    )

    def under(self, policy: SamplingPolicy) -> Self | None:
        """As this policy judges it; None where that cannot be known here."""
        if self.policy_version == policy.version:
            return self
        return self.judge(self, policy) if self.judge else None

    @property
    def names(self) -> tuple[bytes, ...]:
        """The tags it may be bound under already."""
        return self.tags.all

    def closed_gate(self, today: date) -> str | None:
        """The line's closed gate on the day of the draw."""
        if self.expiry and self.expiry.day <= today:
            return self.gate_code or self.expiry.code
        return self.gate_code


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
            self.answered.exception()  # seen, even if nobody waits any more


class Patience:
    """Tells callers "skip" at their deadlines, with one timer for many.

    A timer of its own for each call, nearly always cancelled, would cost as much as its
    draw. Nobody waits longer than promised, and at most `_STEP` seconds less.
    """

    _STEP = 0.01

    def __init__(self) -> None:
        self._due: dict[int, list[Caller]] = {}

    def watch(self, caller: Caller) -> None:
        step = int(caller.deadline / self._STEP)
        if (due := self._due.get(step)) is None:
            due = self._due[step] = []
            loop = asyncio.get_running_loop()
            loop.call_at(step * self._STEP, self._give_up, step)
        due.append(caller)

    def _give_up(self, step: int) -> None:
        for caller in self._due.pop(step):
            caller.refuse(DeadlineError())
