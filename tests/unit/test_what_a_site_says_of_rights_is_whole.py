"""Settings of the desk: a gateway that can be asked, a practice that can be reached."""

import base64

import pytest
from pydantic import ValidationError

from proxy.rights.senders import SenderConfig
from proxy.rights_settings import PracticeRights, RightsPart, SenderPart

SECRET = "whsec_" + base64.b64encode(b"s" * 24).decode()


def test_without_a_word_it_is_france_and_a_week():
    part = RightsPart()

    assert (part.country, part.link_days, part.sender) == ("FR", 7, None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"country": "France"},
        {"link_days": 8},
        {"link_days": 0},
        {"contact": "two\nlines"},
    ],
)
def test_what_cannot_be_is_refused(wrong):
    with pytest.raises(ValidationError):
        RightsPart(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "http://sms.example/send"},
        {"url": "https:///send"},
        {"secret": "whsec_c2hvcnQ="},
        {"secret": "a password"},
        {"hosts": ["https://sms.example"]},
    ],
)
def test_a_gateway_that_nobody_could_trust_is_refused(wrong):
    told = {"url": "https://sms.example/send", "secret": SECRET} | wrong
    with pytest.raises(ValidationError):
        SenderPart(**told)


def test_a_gateways_own_host_needs_not_be_listed():
    part = SenderPart(url="https://sms.example:8443/send", secret=SECRET)

    assert part.all_hosts == {"sms.example:8443"}
    assert SECRET not in repr(part)


def test_what_the_settings_take_the_sender_takes():
    part = SenderPart(url="https://sms.example/send", secret=SECRET)

    config = SenderConfig(
        url=part.url, secret=part.secret.get_secret_value(), hosts=part.all_hosts
    )
    assert config.key == b"s" * 24
    assert SECRET not in repr(config)


def test_a_practice_that_decides_can_be_reached():
    with pytest.raises(ValidationError):
        PracticeRights(is_controller=True)

    assert PracticeRights(is_controller=True, contact="3 rue des Lilas").contact
