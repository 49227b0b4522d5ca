"""deploy/ and docker-compose.yml: judged by the tools that will read them."""

import json
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from proxy.settings import load_settings
from tests.peers import need

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
PROMETHEUS = DEPLOY / "prometheus"
RULE_TESTS = sorted((PROMETHEUS / "tests").iterdir())
COMPOSE = ROOT / "docker-compose.yml"
CLOSED_SERVICES = ("postgres", "seaweedfs", "prometheus", "alertmanager")
EXAMPLE_SECRET = "whsec_" + "dGVzdC1vbmx5LXNlY3JldC1vZi0zMi1ieXRlcyEh"
SECRETS = {
    name: EXAMPLE_SECRET if name == "PONCTUEL_WEBHOOK_SECRET" else "for-tests-only"
    for name in re.findall(r"\$\{(\w+)", COMPOSE.read_text())
}
SLOW = pytest.mark.timeout(180)  # a month of samples, evaluated on two cores


def verdict(
    command: list[str], environment: dict[str, str] | None = None
) -> tuple[int, str]:
    """What a tool says about our files, and its exit status."""
    done = subprocess.run(  # our own files, to a tool found by name
        command,
        capture_output=True,
        check=False,
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"} | (environment or {}),
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


def compose(secrets: dict[str, str], *arguments: str) -> tuple[int, str]:
    tool = need("docker-compose", "pip install '.[integration]'")
    start = [tool, "--file", str(COMPOSE), "--env-file", os.devnull, "--profile", "s3"]
    return verdict([*start, "config", *arguments], secrets)


@pytest.fixture(scope="module")
def services() -> dict:
    status, text = compose(SECRETS, "--format", "json")
    assert status == 0, text
    return json.loads(text)["services"]


@pytest.fixture(scope="module")
def networks() -> dict:
    _, text = compose(SECRETS, "--format", "json")
    return json.loads(text)["networks"]


@pytest.fixture(scope="module")
def dockerfile() -> str:
    return (DEPLOY / "Dockerfile").read_text()


def names(requirements: list[str]) -> set[str]:
    return {re.match(r"[\w.-]+", text).group() for text in requirements}


def locked(file: Path) -> set[str]:
    return set(re.findall(r"^([\w.-]+)==", file.read_text(), re.MULTILINE))


# --- The image -----------------------------------------------------------------


def test_the_image_recipe_has_no_finding():
    tool = need("hadolint", "pip install '.[integration]'")

    assert verdict([tool, str(DEPLOY / "Dockerfile")]) == (0, "")


def test_the_service_never_runs_as_root_in_the_image(dockerfile):
    final_stage = dockerfile.rpartition("\nFROM ")[2]

    users = re.findall(r"^USER (\d+):\d+$", final_stage, re.MULTILINE)
    assert users
    assert "0" not in users


def test_every_package_in_the_image_is_checked_against_its_hash(dockerfile):
    one_line_each = re.sub(r"\\\n\s*", "", dockerfile)
    installs = re.findall(r"pip [^&\n]*install[^&\n]*", one_line_each)

    assert len(installs) == 3
    for install in installs:
        assert "--require-hashes" in install or "--no-deps dist/*.whl" in install


def test_the_lock_files_pin_what_the_image_installs():
    described = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project, build = described["project"], described["build-system"]["requires"]
    needed = [*project["dependencies"], *project["optional-dependencies"]["s3"]]

    assert names(needed) <= locked(ROOT / "requirements.lock")
    assert names([*build, "pip"]) <= locked(DEPLOY / "build.lock")


def test_only_the_product_enters_the_image():
    lines = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]

    assert rules[0] == "*"
    assert {rule for rule in rules if rule.startswith("!")} == {
        f"!{name}"
        for name in (
            *("pyproject.toml", "requirements.lock", "README.md", "LICENSE"),
            *("proxy", "sampling", "retention", "audit", "deploy/build.lock"),
            "deploy/needed.py",
        )
    }


# --- The compose file ----------------------------------------------------------


def test_compose_accepts_the_file_when_every_secret_is_set():
    assert compose(SECRETS, "--quiet") == (0, "")


@pytest.mark.parametrize("missing", SECRETS)
def test_compose_refuses_to_start_without_a_secret(missing):
    others = {name: text for name, text in SECRETS.items() if name != missing}

    status, text = compose(others, "--quiet")

    assert status != 0
    assert missing in text


def test_an_empty_secret_is_refused_like_a_missing_one():
    status, _ = compose(SECRETS | {"PONCTUEL_OWNER_PASSWORD": ""}, "--quiet")

    assert status != 0


def test_only_webhooks_and_dashboard_are_published_and_on_loopback_only(services):
    published = {
        (name, port["host_ip"], port["published"], port["target"])
        for name, service in services.items()
        for port in service.get("ports", [])
    }

    assert published == {
        ("ponctuel", "127.0.0.1", "8080", 8080),
        ("grafana", "127.0.0.1", "3000", 3000),
    }


def test_database_objects_and_figures_are_on_closed_networks_only(services, networks):
    for name in CLOSED_SERVICES:
        assert all(networks[net].get("internal") for net in services[name]["networks"])


def test_only_the_service_reaches_database_or_objects(services):
    members = {
        net: {name for name, service in services.items() if net in service["networks"]}
        for net in ("state", "objects")
    }

    assert members == {
        "state": {"ponctuel", "migrate", "postgres"},
        "objects": {"ponctuel", "seaweedfs"},
    }


def test_every_container_is_read_only_and_without_privileges(services):
    for service in services.values():
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert not service.get("privileged")
        assert not service.get("cap_add")


def test_every_long_running_container_says_whether_it_is_healthy(services):
    in_image = {"ponctuel"}  # its HEALTHCHECK is in the Dockerfile

    for name in services.keys() - in_image - {"migrate"}:
        assert services[name]["healthcheck"]["test"]


def test_every_image_is_pinned_to_a_version(services):
    for service in services.values():
        assert re.search(r":v?\d+\.\d+", service["image"])


def test_the_object_store_reports_nothing_to_its_vendor(services):
    assert "-master.telemetry=false" in services["seaweedfs"]["command"]


def test_only_the_migration_holds_the_owners_password(services):
    holders = {
        name
        for name, service in services.items()
        if "ponctuel_owner" in json.dumps(service.get("environment", {}))
    }

    assert holders == {"migrate"}


def test_the_example_settings_load_with_what_compose_passes(services, monkeypatch):
    for name, text in services["ponctuel"]["environment"].items():
        monkeypatch.setenv(name, text)
    monkeypatch.setenv("PONCTUEL_CONFIG", str(DEPLOY / "ponctuel.toml"))

    settings = load_settings()

    (site,) = settings.sites.values()
    (connection,) = site.connections.values()
    (secret,) = connection.secrets
    assert secret.get_secret_value() == EXAMPLE_SECRET
    assert "for-tests-only" in settings.database.dsn.get_secret_value()


def test_the_example_settings_record_nothing_until_the_law_has_been_answered(
    services, monkeypatch
):
    for name, text in services["ponctuel"]["environment"].items():
        monkeypatch.setenv(name, text)
    monkeypatch.setenv("PONCTUEL_CONFIG", str(DEPLOY / "ponctuel.toml"))

    (site,) = load_settings().sites.values()

    [line] = site.to_lines().values()
    assert line.basis.missing_code(site.policy.starts_on) == "no_basis"


def test_the_example_references_open_the_gate_once_somebody_writes_them(
    services, monkeypatch, tmp_path
):
    for name, text in services["ponctuel"]["environment"].items():
        monkeypatch.setenv(name, text)
    example = (DEPLOY / "ponctuel.toml").read_text()
    written = tmp_path / "written.toml"
    written.write_text(re.sub(r"(?m)^# (\w+ = \{)", r"\1", example))
    monkeypatch.setenv("PONCTUEL_CONFIG", str(written))

    (site,) = load_settings().sites.values()

    [line] = site.to_lines().values()
    assert line.basis.missing_code(site.policy.starts_on) is None


def test_the_only_trusted_proxy_is_the_gateway_of_the_published_network(networks):
    example = tomllib.loads((DEPLOY / "ponctuel.toml").read_text())

    (pool,) = networks["platforms"]["ipam"]["config"]
    assert example["http"]["trusted_proxies"] == [pool["gateway"]]


# --- Settings, database roles --------------------------------------------------


def test_the_example_settings_hold_no_secret():
    def keys(part: dict) -> set[str]:
        inner = [keys(value) for value in part.values() if isinstance(value, dict)]
        return set(part).union(*inner)

    example = tomllib.loads((DEPLOY / "ponctuel.toml").read_text())

    secret = re.compile(r"secret|token|password|dsn|key$")
    assert not [key for key in keys(example) if secret.search(key)]


def test_no_database_role_has_a_password_in_the_file_or_may_bypass_the_fence():
    roles = (DEPLOY / "postgres/roles.sql").read_text()

    created = re.findall(r"CREATE ROLE (\w+)(.*?);", roles, re.DOTALL)
    assert [name for name, _ in created] == [
        "ponctuel_owner",
        "ponctuel_service",
        "ponctuel_login",
    ]
    for _, rights in created:
        assert "NOSUPERUSER" in rights
        assert "NOBYPASSRLS" in rights
        assert not re.search(r"PASSWORD\s+'", rights)


# --- Prometheus and Alertmanager -----------------------------------------------


def promtool(*arguments: str) -> tuple[int, str]:
    return verdict([need("promtool", "apt-get install prometheus"), *arguments])


def test_prometheus_accepts_its_configuration_and_the_rules(tmp_path):
    # promtool wants the credentials file to exist; compose mounts it.
    token = tmp_path / "token"
    token.write_text("token")
    shutil.copytree(PROMETHEUS, tmp_path / "prometheus")
    config = tmp_path / "prometheus" / "prometheus.yml"
    config.write_text(
        config.read_text().replace("/run/secrets/metrics_token", str(token))
    )

    status, text = promtool("check", "config", str(config))

    assert status == 0, text
    number = len(list((PROMETHEUS / "rules").iterdir()))
    assert f"{number} rule files found" in text


@SLOW
@pytest.mark.parametrize("file", RULE_TESTS, ids=lambda file: file.stem)
def test_every_rule_is_silent_on_a_healthy_site_and_fires_on_its_fault(file):
    status, text = promtool("test", "rules", str(file))

    assert status == 0, text


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        ("alertname=PonctuelBreakerOpen severity=critical site=nord", "dpo"),
        ("alertname=PonctuelBudgetEmpty severity=warning site=nord", "operator"),
        ("alertname=PonctuelLegalHold severity=info site=nord", "operator"),
    ],
)
def test_what_somebody_must_act_on_today_goes_to_the_dpo(labels, receiver):
    tool = need("amtool", "apt-get install prometheus-alertmanager")
    config = str(DEPLOY / "alertmanager/alertmanager.yml")

    status, text = verdict(
        [tool, "config", "routes", "test", f"--config.file={config}", *labels.split()]
    )

    assert status == 0, text
    assert text.splitlines()[0] == receiver  # a remark about its own flags follows


def test_alertmanager_accepts_its_configuration():
    tool = need("amtool", "apt-get install prometheus-alertmanager")

    status, text = verdict(
        [tool, "check-config", str(DEPLOY / "alertmanager/alertmanager.yml")]
    )

    assert status == 0, text
