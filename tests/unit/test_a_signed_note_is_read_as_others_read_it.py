"""Published notes, keys and signatures, from the specifications and logs in service."""

from base64 import b64decode

import pytest

from proxy.errors import NoteError
from proxy.ledger.checkpoint import Checkpoint, open_checkpoint
from proxy.ledger.note import (
    Cosigner,
    KeyKind,
    Note,
    SignatureLine,
    Signer,
    VerifierKey,
    open_note,
)

# C2SP signed-note, the example.
EXAMPLE_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
EXAMPLE_NOTE = """\
This is an example message.

— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
"""  # noqa: E501 - as published

# golang.org/x/mod/sumdb/note, documentation and note_test.go.
PETER_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_PRIVATE = b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
ENOCH_KEY = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
GO_TEXT = """\
If you think cryptography is the answer to your problem,
then you don't know what your problem is.
"""
PETER_LINE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKv"
    "qfqdngotpRZb6KE6RyyBwJnAM=\n"
)
ENOCH_LINE = (
    "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01"
    "oOTGwnWLox33WWd1RvMc+QQ=\n"
)

# The Go checksum database, 2024-09-23; its key is built into the go command.
GO_DATABASE_KEY = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
GO_DATABASE_NOTE = """\
go.sum database tree
30055305
mXfgRcJ0bG0j3CPdKwgGWtUzBUbX67saZGRmFuJGGsM=

— sum.golang.org Az3grpgEild5qw7+5dtV13Kf1C2Xurm8q4fhdxvcsDHnqNTaxL2AFjBY+2TyGKevucFcAAlWFJJYle3EJlDCrQ+y3A8=
"""  # noqa: E501 - as published

# Certificate Transparency on its way into service, cosigned by public witnesses; the
# first line is of another signature type. Kept by tlog-scales for its tests.
WITNESSED_LOG_KEY = (
    "arche2025h1.staging.ct.transparency.dev+ba2f06c0+"
    "AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f"
)
WITNESS_KEYS = [
    (
        "transparency.dev/DEV:witness-little-garden+d8042a87+"
        "BCtusOxINQNUTN5Oj8HObRkh2yHf/MwYaGX4CPdiVEPM"
    ),
    "witness1.smartit.nu/witness1+a48c820f+BPSFWg9G6KPiO7QPryYO5Xq4oYJJ+kAvLKLSimDhoxMO",
    "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
    "witness.stagemole.eu+67f7aea0+BEqSG3yu9YrmcM3BHvQYTxwFj3uSWakQepafafpUqklv",
]
WITNESSED_NOTE = """\
arche2025h1.staging.ct.transparency.dev
1432088532
U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=

— arche2025h1.staging.ct.transparency.dev zTM8sQAAAZ5W0WdjBAMARjBEAiBjW5IQf9pvsYLfQFX6hoGREPMHbdQ3urbllzalApkptQIgIpwtEroeW2BXaHAI4kJXFbon5Ch9MNL5zRNZ55lvGt0=
— arche2025h1.staging.ct.transparency.dev ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3NygNI75MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=
— transparency.dev/DEV:witness-little-garden 2AQqhwAAAABqEiEgzgFIqqhbUoDwjMWE6UP8nd8/KYTzwZ2rhIgcqoXHAwVkjZr4AscylP3v7sEodkRAErumC2q44vdgJY096st5BQ==
— witness1.smartit.nu/witness1 pIyCDwAAAABqEiEghIp82KWebrw7/oHQwlTAm3g2RKS4+eebl8eO0WH+/iEcxZ75W3u5hNI7TOQtmJbqmNWVuE0tgh0XwzdZsDsUAQ==
— remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0DrAWfBw==
— witness.stagemole.eu Z/euoAAAAABqEiEgw0i+7g2ENfDAWHmtRzCfKTHSDwYDJA2NmKeGi9Y8FtEyOUvVr+AJmIY/2TUFucgKi7lI7cUiOvKFYe/TmN9DAg==
"""  # noqa: E501 - as published

# sigsum-go, pkg/checkpoint; the private key is 11 and 31 zero bytes.
SIGSUM_PRIVATE = bytes([17]) + bytes(31)
SIGSUM_ROOT = b64decode("HA5HAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
SIGSUM_ORIGIN = (
    "sigsum.org/v1/tree/"
    "e796172b92befd62d9dc67e41c2f5bc9d3100a3023b20b1ca40288dd1c679e69"
)
SIGSUM_PAYLOAD = (
    "gJ2ho0n8F8olcerUF1FFdv235A/5as/coWrpLrtE7ovMeP5whgwouYExowG/lTznxu6OUGjjt5yJQ6bXtTc"
    "f718MqAQ="
)
SIGSUM_COSIGNATURE = (
    "ys8uUAAAAAAAAATSftMzceM8zssdZ9jin9SjwIxzx9iADMf63VqirX2hafol9RsqNqbofIz0LVRqHXI2kpE"
    "BSki5RTXFtxz1vo9+Cg=="
)

# RFC 8032, section 7.1, tests 1 and 2: the ones whose message is text.
RFC_8032 = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bac"
            "c61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "r",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e"
            "458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
]

# Examples of the C2SP texts whose keys are not published: their form can be read.
POEM = """\
Ognuno sta solo sul cuor della terra
trafitto da un raggio di sole:

ed è subito sera.

— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=
"""  # noqa: E501 - as published
COSIGNED_EXAMPLE = """\
example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
"""  # noqa: E501 - as published


def test_the_example_of_the_specification_opens():
    key = VerifierKey.parse(EXAMPLE_KEY)

    assert (key.name, key.kind) == ("example.com/foo", KeyKind.LOG)
    assert key.key_id.hex() == "530d903a"
    assert key.encode() == EXAMPLE_KEY
    assert (
        open_note(EXAMPLE_NOTE.encode(), [key]).text == "This is an example message.\n"
    )


def test_the_note_of_the_go_library_is_signed_to_the_byte():
    signer = Signer("PeterNeumann", PETER_PRIVATE)

    note = Note(GO_TEXT, (signer.sign(GO_TEXT),))

    assert signer.key.encode() == PETER_KEY
    assert note.encode().decode() == f"{GO_TEXT}\n{PETER_LINE}"


def test_a_second_signature_counts_only_when_its_key_is_known():
    peter, enoch = VerifierKey.parse(PETER_KEY), VerifierKey.parse(ENOCH_KEY)
    raw_note = f"{GO_TEXT}\n{PETER_LINE}{ENOCH_LINE}".encode()

    by_peter, by_both = (
        open_note(raw_note, [peter]),
        open_note(raw_note, [enoch, peter]),
    )

    assert [one.key for one in by_peter.verified] == [peter]
    assert [one.key for one in by_both.verified] == [peter, enoch]
    assert by_peter.text == by_both.text == GO_TEXT
    with pytest.raises(NoteError, match="no known key"):
        open_note(raw_note, [])


@pytest.mark.parametrize(
    "raw_note",
    [
        GO_TEXT,
        f"{GO_TEXT}\n",
        f"{GO_TEXT}\n{PETER_LINE[:-1]}",
        f"\x01{GO_TEXT}\n{PETER_LINE}",
        f"{GO_TEXT}\n{PETER_LINE.replace('PeterNeumann', 'Bad Name')}",
        f"{GO_TEXT}\n{PETER_LINE}Unexpected line.\n",
        f"{GO_TEXT}\n{PETER_LINE * 101}",
        f"{GO_TEXT}\n{PETER_LINE[:60]}ABCD{PETER_LINE[60:]}",
    ],
)
def test_what_the_go_library_refuses_is_refused(raw_note):
    with pytest.raises(NoteError):
        open_note(raw_note.encode(), [VerifierKey.parse(PETER_KEY)])


def test_a_note_that_is_not_utf_8_is_refused():
    with pytest.raises(NoteError, match="UTF-8"):
        open_note(
            b"\xff" + f"{GO_TEXT}\n{PETER_LINE}".encode(),
            [VerifierKey.parse(PETER_KEY)],
        )


def test_a_key_spelt_in_any_other_way_is_refused():
    wrong = [
        PETER_KEY[start:stop]
        for start in range(len(PETER_KEY))
        for stop in range(start + 1, len(PETER_KEY) + 1)
        if (start, stop) != (0, len(PETER_KEY))
    ]
    wrong += [
        PETER_KEY[:at] + chr(ord(PETER_KEY[at]) + 1) + PETER_KEY[at + 1 :]
        for at in range(len(PETER_KEY))
    ]
    # A key of a wrong length and one of an unknown type, both with the right key id.
    wrong.append(
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY=="
    )
    wrong.append("PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    wrong.append(PETER_KEY.replace("c74f20a3", "C74F20A3"))

    for raw_vkey in wrong:
        with pytest.raises(NoteError):
            VerifierKey.parse(raw_vkey)


def test_the_checkpoint_of_a_public_database_holds():
    opened = open_note(GO_DATABASE_NOTE.encode(), [VerifierKey.parse(GO_DATABASE_KEY)])

    checkpoint = Checkpoint.parse(opened.text)

    assert (checkpoint.origin, checkpoint.size) == ("go.sum database tree", 30_055_305)
    assert checkpoint.text == opened.text


def test_a_checkpoint_that_public_witnesses_cosigned_holds():
    witnesses = [VerifierKey.parse(raw_vkey) for raw_vkey in WITNESS_KEYS]
    log = VerifierKey.parse(WITNESSED_LOG_KEY)

    opened = open_checkpoint(WITNESSED_NOTE.encode(), log, witnesses)

    assert opened.checkpoint.size == 1_432_088_532
    assert [one.key for one in opened.cosignatures] == witnesses
    assert {one.time for one in opened.cosignatures} == {1_779_573_024}
    changed = WITNESSED_NOTE.replace("1432088532", "1432088533")
    with pytest.raises(NoteError):
        open_checkpoint(changed.encode(), log, witnesses)


def test_a_published_checkpoint_is_signed_to_the_byte():
    signer = Signer(SIGSUM_ORIGIN, SIGSUM_PRIVATE)

    note = Checkpoint(SIGSUM_ORIGIN, 10, SIGSUM_ROOT).signed_by(signer)

    [line] = note.signatures
    assert line.encode() == f"— {SIGSUM_ORIGIN} {SIGSUM_PAYLOAD}\n"


def test_a_published_cosignature_is_made_to_the_byte():
    witness = Cosigner("example.org/witness", SIGSUM_PRIVATE)
    text = Checkpoint("example.org/log", 10, SIGSUM_ROOT).text

    line = witness.cosign(text, 1234)

    assert line.encode() == f"— example.org/witness {SIGSUM_COSIGNATURE}\n"
    assert witness.key.verify(text, line.signature) == 1234


@pytest.mark.parametrize(("private_key", "public_key", "text", "signature"), RFC_8032)
def test_the_signatures_of_rfc_8032_are_reproduced(
    private_key, public_key, text, signature
):
    signer = Signer("example.org/rfc8032", bytes.fromhex(private_key))

    assert signer.key.public_key.hex() == public_key
    assert signer.sign(text).signature.hex() == signature
    assert signer.key.verify(text, bytes.fromhex(signature)) is None


@pytest.mark.parametrize("raw_note", [POEM, COSIGNED_EXAMPLE, WITNESSED_NOTE])
def test_published_notes_are_written_as_they_were_read(raw_note):
    assert Note.parse(raw_note.encode()).encode() == raw_note.encode()


def test_a_text_may_have_empty_lines():
    assert Note.parse(POEM.encode()).text.endswith("sole:\n\ned è subito sera.\n")


def test_the_cosignature_of_the_specification_is_taken_apart():
    """Key id and time as the text names them: the line is `8d66cf3f`, 1679315147."""
    line = Note.parse(COSIGNED_EXAMPLE.encode()).signatures[1]

    assert line == SignatureLine.parse(COSIGNED_EXAMPLE.splitlines()[-1])
    assert line.key_id.hex() == "8d66cf3f"
    assert int.from_bytes(line.signature[:8]) == 1_679_315_147
