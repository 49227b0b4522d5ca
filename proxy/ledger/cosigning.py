"""Asking the witnesses, all at once, to cosign the newest checkpoint.

Nothing waits for them: a head is published before they are asked, draws go on, and a
witness that is away, slow or lying costs its own cosignature and one line in the log.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from http import HTTPStatus

import structlog

from proxy.errors import NoteError, PonctuelError
from proxy.ledger.cosignatures import Cosignatures
from proxy.ledger.note import Verified
from proxy.ledger.publisher import Publisher
from proxy.ledger.witness_client import ANSWER_SECONDS, WitnessClient
from proxy.ledger.witnessing import (
    OtherHistoryError,
    SignedHead,
    Witness,
    WitnessError,
    cosignature_in,
    told_size,
)

log = structlog.get_logger()

_ATTEMPTS = 2  # the second begins where the witness says it stands


class Cosigning:
    """One site's witnesses and what they are asked."""

    def __init__(
        self,
        publisher: Publisher,
        kept: Cosignatures,
        witnesses: Sequence[Witness],
        client: WitnessClient,
        clock: Callable[[], datetime],
    ) -> None:
        self._publisher = publisher
        self._witnesses = witnesses
        self._client = client
        self._clock = clock
        self.kept = kept

    async def ask(self, *, everyone: bool = False) -> None:
        """Ask every witness whose cosignature the newest checkpoint still lacks.

        With `everyone` the others too: a ledger that was set back looks cosigned. If
        so many say it is not the one they saw that no quorum is left, it is halted.
        """
        head = await self.kept.newest_head() if self._witnesses else None
        if head is None:
            return
        signers = set() if everyone else await self.kept.signers_of(head.size)
        sizes = await self.kept.last_sizes()
        answers = await asyncio.gather(
            *(
                self._try_to_cosign(witness, sizes.get(witness.key.public_key, 0), head)
                for witness in self._witnesses
                if witness.key.public_key not in signers
            )
        )
        cosignatures = [one for one in answers if isinstance(one, Verified)]
        if cosignatures:
            await self.kept.keep(head.size, cosignatures)
        against = sum(isinstance(one, OtherHistoryError) for one in answers)
        if self.kept.quorum and len(self._witnesses) - against < self.kept.quorum:
            log.critical("ledger halted: witnesses saw another one", against=against)
            await self.kept.halt(self._clock())

    async def _try_to_cosign(
        self, witness: Witness, last_size: int, head: SignedHead
    ) -> Verified | PonctuelError:
        problem: PonctuelError
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._cosign(witness, last_size, head)
        except (WitnessError, NoteError) as error:
            problem = error
        except TimeoutError:
            problem = WitnessError(f"no answer within {ANSWER_SECONDS} s")
        name, why = witness.key.name, problem.detail
        log.warning("not cosigned", witness=name, size=head.size, why=why)
        return problem

    async def _cosign(
        self, witness: Witness, old_size: int, head: SignedHead
    ) -> Verified:
        for _ in range(_ATTEMPTS):
            proof = await self._publisher.prove_growth(old_size, head.size)
            status, answer = await self._client.submit(witness, old_size, proof, head)
            if status == HTTPStatus.OK:
                return cosignature_in(answer, head, witness.key, self._clock())
            old_size = _size_to_prove_from(told_size(answer), old_size, head.size)
        raise WitnessError("it tells another size each time")


def _size_to_prove_from(told: int, asked: int, newest: int) -> int:
    """Where a witness stands that did not stand at `asked`."""
    if told == asked:
        raise OtherHistoryError(f"it saw another tree of size {told}: a split view")
    if told > newest:
        raise OtherHistoryError(
            f"it saw {told} leaves, we have {newest}: our database went back"
        )
    return told
