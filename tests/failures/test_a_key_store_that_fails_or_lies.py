"""Whatever a key store does, nothing is reported done that is not, and nothing leaks.

Each question is asked through a door before a real OpenBao that breaks it: not done,
done without an answer, done too late, and answered with a lie. Once the door is whole
again, asking again must do.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from aiohttp import web

from proxy.errors import StorageError, TamperedError
from proxy.vault.transit import TransitKeys
from proxy.vault.transit_client import TransitConfig
from tests.failures.key_questions import (
    ANSWERS,
    DAY,
    NEW_DAY,
    QUESTIONS,
    SECRET,
    Question,
    Scene,
    staged,
)
from tests.fakes.certificates import self_signed
from tests.fakes.faulty_door import serving
from tests.fakes.openbao import OpenBao, bao_server, openbao

__all__ = ["bao_server", "openbao"]


@pytest.fixture
async def scene(openbao: OpenBao) -> AsyncIterator[Scene]:
    async with staged(openbao) as scene:
        yield scene


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)
@pytest.mark.parametrize("way", ["refuse", "lose"])
async def test_what_was_not_answered_is_asked_again_and_then_done(
    scene: Scene, way: str, question: Question
) -> None:
    broken = getattr(scene.door, way)
    broken()
    await scene.refused(question)
    scene.door.mend()

    await scene.ends_well(question, broken)

    await scene.holds()


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)
async def test_a_late_answer_is_not_waited_for(
    scene: Scene, question: Question
) -> None:
    """What was asked for happened all the same; it is asked again and does no harm."""
    scene.door.hold()
    await scene.refused(question, scene.impatient)
    scene.door.mend()

    await question(scene.honest, scene.wrapped)

    await scene.holds()


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
async def test_what_is_no_answer_is_believed_by_nobody(
    scene: Scene, answer: Callable[[str], web.Response]
) -> None:
    scene.door.lie(lambda _: answer(scene.token))

    for question in QUESTIONS.values():
        await scene.refused(question)

    scene.door.mend()
    await scene.holds()
    assert await scene.honest.names() == [DAY]


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
async def test_an_answer_that_turns_false_half_way_is_asked_for_again(
    scene: Scene, answer: Callable[[str], web.Response]
) -> None:
    def broken(after: int) -> None:
        scene.door.lie(lambda _: answer(scene.token), after)

    for question in ("make", "secret", "destroy", "remove_note"):
        await scene.ends_well(QUESTIONS[question], broken)

    await scene.holds()
    assert await scene.honest.names() == [NEW_DAY]
    assert not scene.has(DAY)
    assert await scene.honest.has_secret("callers")
    assert await scene.honest.read_note("dead") is None


@pytest.mark.parametrize("way", ["refuse", "lose", "hold"])
@pytest.mark.parametrize("after", range(5))
async def test_a_key_counts_as_destroyed_only_when_the_server_does_not_know_it(
    scene: Scene, way: str, after: int
) -> None:
    getattr(scene.door, way)(after)
    try:
        await scene.impatient.destroy(DAY)
        is_done = True
    except StorageError:
        is_done = False
    scene.door.mend()

    assert not (is_done and scene.has(DAY))
    await scene.honest.destroy(DAY)
    assert not scene.has(DAY)


async def test_a_server_that_says_destroyed_and_does_nothing_is_found_out(
    scene: Scene,
) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        if request.method == "DELETE":
            return web.Response(status=204)
        return await scene.door.answer(request)

    async with serving(answer) as address:
        config = scene.server.config(scene.site, token=scene.token, address=address)
        store = TransitKeys(config, scene.site)
        for question in (store.destroy(DAY), store.remove_note("dead"), store.open()):
            with pytest.raises(StorageError, match="still there"):
                await question
        await store.close()

    assert scene.has(DAY)


def changed(**results: object) -> Callable[[web.Response], web.Response]:
    """Change the first result of a batch."""

    def change(honest: web.Response) -> web.Response:
        document = json.loads(honest.body)
        document["data"]["batch_results"][0] |= results
        return web.json_response(document, status=honest.status)

    change.__name__ = str(results)
    return change


def fewer(honest: web.Response) -> web.Response:
    document = json.loads(honest.body)
    document["data"]["batch_results"].pop()
    return web.json_response(document)


def more(honest: web.Response) -> web.Response:
    document = json.loads(honest.body)
    document["data"]["batch_results"] *= 2
    return web.json_response(document)


def swapped(honest: web.Response) -> web.Response:
    document = json.loads(honest.body)
    document["data"]["batch_results"].reverse()
    return web.json_response(document)


def no_results(honest: web.Response) -> web.Response:
    document = json.loads(honest.body)
    document["data"]["batch_results"] = "none"
    return web.json_response(document)


def no_objects(honest: web.Response) -> web.Response:
    document = json.loads(honest.body)
    document["data"]["batch_results"] = [1, 2]
    return web.json_response(document)


@pytest.mark.parametrize(
    "lie",
    [
        *(fewer, more, swapped, no_results, no_objects),
        changed(ciphertext=""),
        changed(ciphertext=7),
        changed(ciphertext="vault:v1:AAAA"),
        changed(ciphertext="vault:v1:%%%%"),
        changed(ciphertext="AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="),
        changed(ciphertext=None, error="no"),
    ],
)
async def test_what_was_not_wrapped_is_not_taken_for_wrapped(scene: Scene, lie) -> None:
    scene.door.lie(lie)

    await scene.refused(lambda store, _: store.wrap(DAY, [SECRET, SECRET]))


@pytest.mark.parametrize(
    "lie",
    [
        *(fewer, more, swapped, no_results, no_objects),
        changed(plaintext=""),
        changed(plaintext="AAAA"),
        changed(plaintext="A" * 80),
        changed(plaintext="%"),
        changed(plaintext=None),
        changed(plaintext=[1]),
    ],
)
async def test_what_was_not_unwrapped_is_not_taken_for_a_key(scene: Scene, lie) -> None:
    scene.door.lie(lie)

    error = await scene.refused(lambda store, each: store.unwrap(DAY, each * 2))

    assert not isinstance(error, TamperedError)


async def test_a_secret_of_another_size_is_refused(scene: Scene) -> None:
    [short] = await scene.honest.wrap("service", [b"short"])
    await scene.honest._secrets.remove("log")
    await scene.honest._secrets.create("log", short)

    with pytest.raises(TamperedError, match="32 bytes"):
        await scene.store.secret("log")


async def test_a_sealed_server_is_said_to_be_sealed_and_serves_again_unsealed(
    scene: Scene,
) -> None:
    scene.server.seal()
    for question in QUESTIONS.values():
        error = await scene.refused(question)
        assert error.fix == "unseal it: bao operator unseal"

    scene.server.unseal()

    assert await scene.store.unwrap(DAY, scene.wrapped) == [SECRET]


async def test_a_frozen_server_is_waited_for_no_longer_than_the_setting_says(
    scene: Scene,
) -> None:
    scene.server.freeze()

    for question in QUESTIONS.values():
        error = await scene.refused(question, scene.impatient)
        assert "no answer within 0.3 s" in error.detail

    scene.server.thaw()
    assert await scene.honest.unwrap(DAY, scene.wrapped) == [SECRET]


async def test_a_killed_server_is_out_of_reach(scene: Scene) -> None:
    scene.server.kill()

    for question in QUESTIONS.values():
        error = await scene.refused(question, scene.honest)
        assert "cannot be reached" in error.detail


async def test_a_token_that_has_expired_is_said_to_have_expired(scene: Scene) -> None:
    scene.server.revoke(scene.token)

    for question in QUESTIONS.values():
        error = await scene.refused(question)
        assert "has expired" in error.detail
        assert "0020-key-stores" in error.fix


async def test_a_token_is_never_sent_on_to_where_a_server_redirects(
    scene: Scene,
) -> None:
    seen: list[str] = []

    async def elsewhere(request: web.Request) -> web.Response:
        seen.append(request.headers.get("X-Vault-Token", ""))
        return web.json_response({"data": {}})

    async with serving(elsewhere) as address:
        headers = {"Location": f"{address}/v1/"}
        scene.door.lie(lambda _: web.Response(status=307, headers=headers))
        for question in QUESTIONS.values():
            error = await scene.refused(question)
            assert "redirects" in error.detail

    assert seen == []


@pytest.mark.parametrize("is_trusted", [False, True])
async def test_only_a_server_whose_certificate_is_trusted_gets_the_token(
    tmp_path: Path,
    is_trusted: bool,  # noqa: FBT001 - a parameter, not a call
) -> None:
    seen: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.headers["X-Vault-Token"])
        return web.json_response({"errors": []}, status=404)

    file = tmp_path / "certificate.pem"
    async with serving(answer, self_signed(file)) as address:
        ca_file = file if is_trusted else None
        config = TransitConfig(address=address, token="t", ca_file=ca_file)
        store = TransitKeys(config, "clinic")
        try:
            assert not await store.exists(DAY)
        except StorageError as error:
            refusal = str(error)
        else:
            refusal = ""
        await store.close()

    assert ("certificate is not trusted" in refusal) == (not is_trusted)
    assert ("ca_file" in refusal) == (not is_trusted)
    assert seen == (["t"] if is_trusted else [])


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
async def test_a_file_of_certificates_that_cannot_be_read_is_named(
    tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    config = TransitConfig(address="https://127.0.0.1:9", token="t", ca_file=file)

    with pytest.raises(StorageError, match="ca_file") as caught:
        await TransitKeys(config, "clinic").exists(DAY)

    assert caught.value.field == "vault.transit"


async def test_twenty_that_ask_at_once_are_answered_each(scene: Scene) -> None:
    asked = (scene.store.unwrap(DAY, scene.wrapped) for _ in range(20))

    assert await asyncio.gather(*asked) == [[SECRET]] * 20
