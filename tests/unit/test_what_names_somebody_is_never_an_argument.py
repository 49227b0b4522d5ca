"""The desk's commands ask for it or read it from standard input; none is repeated."""

import argparse
import io
from uuid import UUID

import pytest

from proxy import cli
from proxy.api.request_forms import ShownDetails
from proxy.commands.request_intake import PROMPTS, TypedRequest
from proxy.commands.request_words import LARGEST, read_text, read_words
from proxy.errors import SettingsError

NUMBER = "0612345678"
PERSONAL = {"number", "name", "contact", "words", "agent", "code", "line", "grounds"}


class Typing(io.TextIOWrapper):
    """Somebody at a terminal."""

    def isatty(self):
        return True


@pytest.fixture
def said(monkeypatch):
    def say(text):
        raw = text if isinstance(text, bytes) else text.encode()
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(raw)))

    return say


@pytest.fixture
def typed(monkeypatch):
    """Answers to the prompts, in their order; then nothing more is typed."""

    def say(*lines):
        text = "".join(f"{line}\n" for line in [*lines, *[""] * 9])
        monkeypatch.setattr("sys.stdin", Typing(io.BytesIO(text.encode())))

    return say


def received(**given):
    told = {"kind": "access", "received_on": None} | given
    return read_words(TypedRequest, PROMPTS, **told)


def leaves(parser, path=()):
    nested = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    if not nested:
        yield path, parser
    for action in nested:
        for name, child in action.choices.items():
            yield from leaves(child, (*path, name))


def test_no_command_of_the_desk_takes_what_names_somebody_as_an_argument():
    for path, parser in leaves(cli.parser()):
        if path[0] == "requests":
            taken = {action.dest for action in parser._actions}
            assert taken.isdisjoint(PERSONAL), path


def test_a_request_is_read_as_one_object(said):
    said('{"number": "06 12 34 56 78", "contact": "by letter"}')

    new = received(language="en", is_shared=True).new()

    assert (new.number, new.contact) == ("06 12 34 56 78", "by letter")
    assert (new.language, new.is_shared) == ("en", True)


def test_a_person_at_a_terminal_is_asked_for_each(typed, capsys):
    typed("06 12 34 56 78", "", "", "J. D.", "by letter")

    new = received().new()

    assert (new.number, new.name, new.contact) == (
        "06 12 34 56 78",
        "J. D.",
        "by letter",
    )
    assert new.windows == ()
    assert "their number" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("2026-11-03 9-11 cardio", (9, 11, "cardio")),
        ("2026-11-03 9-11", (9, 11, "")),
    ],
)
def test_when_they_called_is_typed_on_one_line(typed, line, expected):
    typed("", "", line)

    [window] = received().new().windows

    assert (window.from_hour, window.to_hour, window.line) == expected
    assert str(window.day) == "2026-11-03"


def test_each_request_has_an_id_of_its_own_unless_one_is_given(said):
    said("{}")
    first = received(number=NUMBER).new().request_id
    said("{}")
    assert received(number=NUMBER).new().request_id != first
    said(f'{{"request_id": "{UUID(int=7)}"}}')
    assert received(number=NUMBER).new().request_id == UUID(int=7)


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (f"number: {NUMBER}", "standard input"),
        (f'["{NUMBER}"]', "standard input"),
        (f'{{"number": "{NUMBER}", "number": "{NUMBER}"}}', "standard input"),
        (b"\xff\xfe", "standard input"),
        (f'{{"telephone": "{NUMBER}"}}', "standard input: telephone"),
        (f'{{"{NUMBER}": 1}}', "standard input: …"),
        (f'{{"windows": "{NUMBER}"}}', "standard input: windows"),
        ('{"windows": [{"day": "3 Nov"}]}', "standard input: windows.0.day"),
        ("x" * (LARGEST + 1), "standard input"),
    ],
    ids=[
        "no-json",
        "a-list",
        "twice",
        "no-text",
        "unknown-field",
        "a-number-as-a-name",
        "no-call-time",
        "no-day",
        "too-much",
    ],
)
def test_what_cannot_be_read_is_told_by_its_field_and_not_said_back(said, text, field):
    said(text)

    with pytest.raises(SettingsError) as refusal:
        received()

    assert refusal.value.field == field
    assert refusal.value.fix
    assert NUMBER not in str(refusal.value)


def test_age_matters_to_a_medical_file_only(said):
    said("{}")
    with pytest.raises(SettingsError, match="is_older_than_five_years"):
        received(is_older_than_five_years=True)

    said("{}")
    assert received(kind="medical-file", is_older_than_five_years=True)


def test_details_are_typed_as_people_write_them(typed):
    typed("2026-11-03", "9", "cardio")
    prompts = {"day": "day", "hour": "hour", "line": "line"}

    said = read_words(ShownDetails, prompts)

    assert (str(said.day), said.hour, said.line) == ("2026-11-03", 9, "cardio")


def test_a_reason_is_a_line_typed_or_everything_that_is_sent(typed, said):
    typed("one line")
    assert read_text("reason") == "one line"

    said("two\nlines\n")
    assert read_text("reason") == "two\nlines"
