"""Bad settings stop start-up with one readable line per fault; secrets never show."""

from datetime import date
from pathlib import Path

import pytest

from proxy.errors import SettingsError
from proxy.settings import Settings, load_settings
from sampling.legal import Reference

SECRET = "whsec_c2VjcmV0LXRoYXQtbXVzdC1uZXZlci1iZS1zaG93bg=="
GOOD = f"""
[sites.clinic.policy]
rate = "1.8%"
starts_on = 2026-11-01
[sites.clinic.practices.cardio]
authorisation.reference = "contract 12"
authorisation.on = 2026-09-01
authorisation.author = "dpo"
[sites.clinic.line_groups.cardio]
practice = "cardio"
article_6.kind = "6-1-f"
article_6.reference = "register 4"
article_6.on = 2026-09-01
article_6.author = "dpo"
[sites.clinic.lines."+33140000001"]
group = "cardio"
[sites.clinic.connections.pbx]
kind = "generic"
secrets = ["{SECRET}"]
"""


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "ponctuel.toml"
    file.write_text(GOOD)
    monkeypatch.setenv("PONCTUEL_CONFIG", str(file))
    return file


def lines_of(config: Path, text: str) -> list[str]:
    config.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    return caught.value.detail.splitlines()


ABOVE = {
    "rate": ('rate = "6%"\nceiling = "6%"\nburst = 40', "policy.rate, policy.ceiling:"),
    "ceiling": ('rate = "1%"\nceiling = "5.1%"\nburst = 40', "policy.ceiling:"),
    "stratum": (
        'rate = "1%"\nburst = 40\nstrata.vip_in = {rate = "6%", ceiling = "6%"}',
        "policy.strata.vip_in.rate, policy.strata.vip_in.ceiling:",
    ),
}


TOO_LONG = {
    "kept_days = 366": "kept_days: an analysis is kept 365 days at most; lower it",
    "kept_days = 0": "kept_days: Input should be greater than or equal to 1",
    "recording_days = 181": "recording_days: a recording is kept 180 days at most",
}


@pytest.mark.parametrize(("days", "said"), TOO_LONG.items(), ids=TOO_LONG)
def test_nothing_is_kept_longer_because_it_was_analysed(
    config: Path, days: str, said: str
) -> None:
    [line] = lines_of(config, f"{GOOD}\n[sites.clinic.analyses]\n{days}")

    assert line.startswith(f"sites.clinic.analyses.{said}")


@pytest.mark.parametrize(("rates", "fields"), ABOVE.values(), ids=ABOVE)
def test_above_5_percent_the_file_says_where_the_dpo_allowed_it(
    config: Path, rates: str, fields: str
) -> None:
    text = GOOD.replace('rate = "1.8%"', rates)
    [line] = lines_of(config, text)

    assert line.startswith(f"sites.clinic: {fields} above 5 %")
    assert "ponctuel policy propose" in line
    assert "dpo_approval" in line

    word = '{reference = "opinion 12", on = 2026-10-05, author = "dpo"}'
    config.write_text(f"[sites.clinic]\ndpo_approval = {word}\n{text}")
    assert load_settings().sites["clinic"].dpos_word == Reference(
        "opinion 12", date(2026, 10, 5), "dpo"
    )


@pytest.mark.parametrize(("until", "is_long_enough"), [(28, False), (29, True)])
def test_the_dpos_word_lasts_as_long_as_the_campaign(
    config: Path, until: int, *, is_long_enough: bool
) -> None:
    text = GOOD.replace('rate = "1.8%"', ABOVE["rate"][0])
    word = f'reference = "o", on = 2026-10-05, author = "dpo", until = 2026-11-{until}'
    text = f"[sites.clinic]\ndpo_approval = {{{word}}}\n{text}"

    if is_long_enough:
        config.write_text(text)
        assert load_settings().sites["clinic"].dpos_word
    else:
        [line] = lines_of(config, text)
        assert "dpo_approval.until 2026-11-28 is before" in line


def test_at_5_percent_it_takes_nobodys_word(config: Path) -> None:
    config.write_text(
        GOOD.replace('rate = "1.8%"', 'rate = "5%"\nceiling = "5%"\nburst = 50')
    )

    assert load_settings().sites["clinic"].dpos_word is None


def test_a_good_file_is_read() -> None:
    site = load_settings().sites["clinic"]

    assert site.policy is not None
    assert site.policy.rate == 18_000
    basis = site.to_lines()["+33140000001"].basis
    assert basis.practice_authorisation == Reference(
        "contract 12", date(2026, 9, 1), "dpo"
    )


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PONCTUEL_SITES__CLINIC__POLICY__RATE", "0.01")
    monkeypatch.setenv("PONCTUEL_HTTP__PORT", "9000")

    settings = load_settings()

    assert settings.sites["clinic"].policy is not None
    assert settings.sites["clinic"].policy.rate == 10_000
    assert settings.http.port == 9000


def test_every_fault_is_named_with_its_key_and_its_fix(config: Path) -> None:
    lines = lines_of(
        config,
        GOOD.replace('rate = "1.8%"', "rate = 2")
        .replace('kind = "generic"', 'kind = "generic"\nsecretz = 1')
        .replace(
            "[sites.clinic.policy]", "[http]\nport = 70000\n[sites.clinic.policy]"
        ),
    )

    assert any("http.port" in line for line in lines)
    assert any('sites.clinic.policy.rate: "2" is ambiguous' in line for line in lines)
    assert any(
        "sites.clinic.connections.pbx.secretz: is not a setting" in line
        for line in lines
    )
    assert len(lines) == 3


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('group = "cardio"', 'group = "kine"', "is not listed"),
        ('practice = "cardio"', 'practice = "kine"', "is not listed"),
        ('secrets = ["' + SECRET + '"]', "", "needs `secrets`"),
        ("starts_on = 2026-11-01", "", "starts_on: is missing"),
        ("starts_on = 2026-11-01", "starts_on = 2026-11-01\nburst = 90", "100"),
        ('rate = "1.8%"', 'rate = "11%"', "hard ceiling"),
        ("[sites.clinic.policy]", "[sites.Clinic.policy]", "pattern"),
        ('"+33140000001"', '"not a number"', "pattern"),
        ('kind = "generic"', 'kind = "avaya"', "generic"),
        ('kind = "6-1-f"', 'kind = "6-1-z"', "article_6.kind"),
        ("authorisation.on = 2026-09-01", "", "authorisation.on: is missing"),
        ('"contract 12"', '""', "authorisation.reference"),
        (
            "6.on = 2026-09-01",
            "6.on = 2026-09-01\narticle_6.until = 2026-09-01",
            "not after",
        ),
    ],
)
def test_what_cannot_be_right_is_refused(
    config: Path, old: str, new: str, expected: str
) -> None:
    assert old in GOOD

    lines = lines_of(config, GOOD.replace(old, new))

    assert any(expected in line for line in lines)


@pytest.mark.parametrize(
    ("name", "example"),
    [
        ("dpia", 'write { reference = "…", on = 2026-05-01, author = "dpo" }'),
        ("hosting", 'write { kind = "hds", reference = "…", on = 2026-05-01'),
    ],
)
@pytest.mark.parametrize("written", ["DPIA 3", ""])
def test_a_legal_reference_that_is_a_mere_text_is_refused_with_how_to_write_it(
    config: Path, name: str, example: str, written: str
) -> None:
    with_text = GOOD.replace("article_6.kind", f'{name} = "{written}"\narticle_6.kind')

    [line] = lines_of(config, with_text)

    assert line.startswith(f"sites.clinic.line_groups.cardio.{name}: a text alone")
    assert example in line


def test_a_hosting_certificate_without_its_expiry_is_refused(config: Path) -> None:
    certificate = "".join(
        f"hosting.{key}\n"
        for key in ('kind="hds"', 'reference="1"', "on=2026-01-01", 'author="dpo"')
    )

    [line] = lines_of(
        config, GOOD.replace("article_6.kind", certificate + "article_6.kind")
    )

    assert "a certificate ends: add `until`" in line


STRATUM = """
[sites.clinic.policy.strata.vip_in]
line_groups = ["cardio"]
queues = ["day", "Q-7"]
rate = "0.5%"
"""


def test_strata_of_the_policy_are_read_and_inherit_what_they_leave_out(
    config: Path,
) -> None:
    config.write_text(GOOD + STRATUM)

    policy = load_settings().sites["clinic"].policy

    assert policy is not None
    [own] = policy.to_policy(1).strata
    assert (own.name, own.rate_ppm, own.kept_days) == ("vip_in", 5_000, 30)
    assert own.queues == {"day", "Q-7"}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('["cardio"]', '["dermato"]', 'vip_in.line_groups "dermato" is no line group'),
        ("vip_in", "cardio_in", "policy.strata.cardio_in bears the name of cardio"),
        ("vip_in", "other_in", "policy.strata.other_in bears the name of unknown"),
        ("vip_in", "vip", "pattern"),
        ('rate = "0.5%"', 'rate = "3%"', "strata.vip_in.rate above the policy's own"),
        ('rate = "0.5%"', 'rate = "0.5%"\nburst = 90', "strata.vip_in.burst allows"),
        ('rate = "0.5%"', "ends_on = 2027-06-01", "strata.vip_in.ends_on campaign"),
        ('["day", "Q-7"]', '["+33612345678"]', "queues"),
    ],
)
def test_strata_that_do_not_fit_the_site_are_refused_by_name(
    config: Path, old: str, new: str, expected: str
) -> None:
    assert old in STRATUM

    lines = lines_of(config, GOOD + STRATUM.replace(old, new))

    assert any(expected in line for line in lines), lines


def test_more_strata_than_metrics_may_show_are_refused(config: Path) -> None:
    nine = "".join(STRATUM.replace("vip", f"vip{number}") for number in range(9))

    lines = lines_of(config, GOOD + nine)

    assert "policy.strata 11 with both ways of 1 line groups: at most 10" in lines[0]


def test_an_excluded_line_that_the_site_does_not_have_is_refused(config: Path) -> None:
    excluding = 'rate = "1.8%"\nexcluded_lines = ["+33140000009"]'

    lines = lines_of(config, GOOD.replace('rate = "1.8%"', excluding))

    assert "policy.excluded_lines 1 of them not listed" in lines[0]
    assert "+33140000009" not in lines[0]


def test_a_line_group_may_not_take_the_name_of_unknown_lines(config: Path) -> None:
    lines = lines_of(config, GOOD.replace("line_groups.cardio", "line_groups.other"))

    assert any("for unknown lines" in line for line in lines)


def test_one_connection_name_cannot_lead_to_two_sites(config: Path) -> None:
    second = GOOD.replace("sites.clinic", "sites.other")

    assert "exist in two sites" in lines_of(config, GOOD + second)[0]


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.org"])
def test_an_open_listener_without_tls_is_refused(config: Path, host: str) -> None:
    lines = lines_of(config, f'[http]\nhost = "{host}"\n{GOOD}')

    assert "can be reached from outside in clear" in lines[0]


@pytest.mark.parametrize(
    "extra",
    [
        'tls_certificate = "c.pem"\ntls_key = "k.pem"',
        'trusted_proxies = ["10.0.0.0/8"]',
    ],
)
def test_an_open_listener_behind_tls_is_accepted(config: Path, extra: str) -> None:
    config.write_text(f'[http]\nhost = "0.0.0.0"\n{extra}\n{GOOD}')

    assert load_settings().http.host == "0.0.0.0"


def test_secrets_show_in_no_representation_and_no_error(config: Path) -> None:
    shown = repr(load_settings()) + str(load_settings())
    lines = lines_of(
        config, GOOD.replace('kind = "generic"', 'kind = "generic"\nx = 1')
    )

    assert SECRET not in shown
    assert SECRET not in "".join(lines)


def test_broken_toml_names_the_file_and_no_trace(config: Path) -> None:
    config.write_text("[sites.clinic")

    with pytest.raises(SettingsError, match=r"ponctuel\.toml: cannot be read"):
        load_settings()


def test_a_named_file_that_does_not_exist_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PONCTUEL_CONFIG", "nowhere.toml")

    with pytest.raises(SettingsError, match=r"PONCTUEL_CONFIG: nowhere\.toml"):
        load_settings()


def test_without_any_file_nothing_is_configured_and_nothing_is_open(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("PONCTUEL_CONFIG")
    monkeypatch.chdir(tmp_path / "..")

    settings = load_settings()

    assert settings.sites == {}
    assert settings.http.host == settings.metrics.host == "127.0.0.1"


def test_settings_cannot_be_changed_while_running() -> None:
    settings = load_settings()

    with pytest.raises(ValueError, match="frozen"):
        settings.data_dir = Path("/")

    assert isinstance(settings, Settings)


LISTED = 'call_list_url = "https://pbx.example.com/{day}"'
SAME_ADDRESS = f"""{LISTED}
[sites.clinic.connections.other]
kind = "generic"
secrets = ["{SECRET}"]
{LISTED}
"""
ACCOUNT = f"""
kind = "twilio"
account_sid = "AC{"0a" * 16}"
auth_token = "token"
public_url = "https://rec.example.com/t"
default_forward_to = "+33199000001"
"""
SAME_ACCOUNT = (
    f"[sites.clinic.connections.one]{ACCOUNT}[sites.clinic.connections.two]{ACCOUNT}"
)


@pytest.mark.parametrize("shared", [SAME_ADDRESS, SAME_ACCOUNT])
def test_two_connections_may_not_share_a_call_list(config: Path, shared: str) -> None:
    """Each would take the other's recordings for unsolicited, and purge them."""
    [line] = lines_of(config, GOOD + shared)

    assert "each would purge what the other has drawn" in line
