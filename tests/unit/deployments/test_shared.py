"""What ships for several machines, held to itself, to the code, and to what Prefect knows. None of it is started here."""

from __future__ import annotations

import json
import os
import re
import shlex
import stat
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import jsonschema
import prefect_redis.client
import prefect_redis.messaging
import pytest
import yaml
from prefect import Flow
from prefect.flows import load_flow_from_entrypoint
from prefect.server.events.schemas.automations import AutomationCreate
from prefect.server.schemas.actions import WorkPoolCreate
from prefect.settings.models.root import Settings as PrefectServerSettings
from pydantic_settings import BaseSettings

from pratique.cli.commands import COMMANDS, Commands
from pratique.deploying import automations, pools_of
from pratique.settings import load_settings

ROOT = Path(__file__).parents[3]
DEPLOYMENTS = ROOT / "deployments"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOYMENTS / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if str(service["image"]).startswith("pratique:")}
WORKERS = {name: service for name, service in SERVICES.items() if name.startswith("worker-")}
TABLE: list[dict[str, Any]] = yaml.safe_load((DEPLOYMENTS / "prefect.pools.yaml").read_text())["deployments"]
GROUP = Commands.of(COMMANDS)(name="pratique")


def deployment_name(entry: dict[str, Any]) -> str:
    return f"{entry['entrypoint'].split(':')[1]}/{entry['name']}"


def secrets_of(service: dict[str, Any]) -> dict[str, str]:
    """The secret behind each file below /run/secrets."""
    found = [one if isinstance(one, dict) else {"source": one, "target": one} for one in service.get("secrets", [])]
    return {one["target"]: one["source"] for one in found}


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_has_a_version(name: str) -> None:
    assert re.fullmatch(r"[a-z]+:\d+\.\d+(\.\d+)?(-[a-z]+)?", SERVICES[name]["image"])


@pytest.mark.parametrize("name", SERVICES)
def test_nothing_but_the_tls_proxy_is_published(name: str) -> None:
    assert SERVICES[name].get("ports", []) == (["80:80", "443:443"] if name == "proxy" else [])


def test_databases_redis_and_the_api_have_no_way_out() -> None:
    assert COMPOSE["networks"]["control"] == {"internal": True}
    for name in ("postgresql", "redis", "api", "services", "migrate"):
        assert SERVICES[name]["networks"] == ["control"]


@pytest.mark.parametrize("name", SERVICES)
def test_no_secret_stands_in_the_file(name: str) -> None:
    for variable, value in SERVICES[name].get("environment", {}).items():
        if re.search(r"PASSWORD|AUTH_STRING|TOKEN|SECRET|DOCKET_URL|MESSAGING_URL", variable):
            assert variable.endswith("_FILE")
            assert value.startswith("/run/secrets/")
            assert value.rpartition("/")[2] in secrets_of(SERVICES[name]), f"{name} is not given {value}"
    assert not re.search(r"://[^/\s]*:[^/\s]*@", (DEPLOYMENTS / "compose.yaml").read_text())


@pytest.mark.parametrize("name", OURS)
def test_every_variable_with_a_secret_is_read_from_its_file(name: str) -> None:
    listed = (DEPLOYMENTS / "with-secrets").read_text().split("for name in")[1].split("; do")[0].split()
    named = [variable.removesuffix("_FILE") for variable in OURS[name].get("environment", {}) if variable.endswith("_FILE")]
    assert set(named) <= set(listed)


def test_every_secret_and_setting_that_is_named_exists() -> None:
    made = (DEPLOYMENTS / "compose" / "make-secrets").read_text()
    for service in SERVICES.values():
        assert set(secrets_of(service).values()) <= COMPOSE["secrets"].keys()
        assert {one["source"] for one in service.get("configs", [])} <= COMPOSE["configs"].keys()
    for name, secret in COMPOSE["secrets"].items():
        assert secret == {"file": f"./compose/secrets/{name}"}
        assert re.search(rf"\b{name}\b", made), f"make-secrets does not know {name}"


def test_only_its_own_worker_is_given_the_role_of_an_environment() -> None:
    ids = {name: secrets_of(service).get("vault_secret_id") for name, service in SERVICES.items()}
    given = {name: secret for name, secret in ids.items() if secret}
    assert len(set(given.values())) == len(given)
    assert {name for name, secret in given.items() if "prod" in secret} == {"worker-prod"}


@pytest.mark.parametrize("name", OURS)
def test_ours_run_hardened(name: str) -> None:
    service = OURS[name]
    assert (service["read_only"], service["cap_drop"], service["security_opt"]) == (True, ["ALL"], ["no-new-privileges:true"])
    assert "privileged" not in service
    assert "user" not in service, "the image says it"


@pytest.mark.parametrize("name", OURS)
def test_every_command_exists(name: str) -> None:
    program, *words = OURS[name]["command"]
    if program == "python":
        script, *words = words
        assert (ROOT / script).exists()
        if script != "deployments/prefect_server.py":
            assert words == []
            return
    if program == "pratique":
        options = {option for parameter in GROUP.whole(words[0]).params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options
        assert all((ROOT / word).exists() for word in words if word.startswith("deployments/"))
        return
    end = next((number for number, word in enumerate(words) if word.startswith("-")), len(words))
    told = subprocess.run(
        [sys.executable, "-m", "prefect", *words[:end], "--help"], capture_output=True, text=True, check=True, timeout=120
    )
    for word in words:
        assert not word.startswith("--") or word in told.stdout


def test_every_pool_of_the_table_has_a_worker_and_every_environment_its_own_pool(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    worked = {shlex.split(" ".join(worker["command"]))[3] for worker in WORKERS.values()}
    assert set(pools_of(DEPLOYMENTS / "prefect.pools.yaml")) == worked
    monkeypatch.setenv("PRATIQUE_CONFIG", str(DEPLOYMENTS / "compose" / "pratique.toml"))
    settings = load_settings()
    deployed = {deployment_name(entry): entry["work_pool"]["name"] for entry in TABLE}
    for name, environment in settings.environments.items():
        assert deployed[environment.deployment] == deployed[environment.rollback_deployment] == f"pratique-{name}"


@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_runs_the_flows_that_the_table_gives_its_pool_and_no_others(name: str) -> None:
    words = WORKERS[name]["command"]
    pool, flows = words[words.index("--pool") + 1], words[words.index("--flows") + 1].split(",")
    given = {entry["entrypoint"].split(":")[1] for entry in TABLE if entry["work_pool"]["name"] == pool}
    assert flows == sorted(given)


@pytest.mark.parametrize("entry", TABLE, ids=[deployment_name(entry) for entry in TABLE])
def test_every_deployment_of_the_table_leads_to_a_flow(entry: dict[str, Any]) -> None:
    path, function = entry["entrypoint"].split(":")
    assert isinstance(load_flow_from_entrypoint(f"{ROOT / path}:{function}", use_placeholder_flow=False), Flow)
    assert entry["description"].strip()
    assert entry["tags"] == ["pratique"]


def test_the_table_reaches_every_flow_that_the_one_for_one_pool_reaches_by_the_same_clock() -> None:
    usual: list[dict[str, Any]] = yaml.safe_load((DEPLOYMENTS / "prefect.yaml").read_text())["deployments"]
    assert {entry["entrypoint"] for entry in TABLE} == {entry["entrypoint"] for entry in usual}
    clocks = [{entry["entrypoint"]: _clocks(entry) for entry in table if "schedules" in entry} for table in (usual, TABLE)]
    assert clocks[0] == clocks[1]


def test_where_each_environment_is_looked_at_by_its_own_workers_none_is_forgotten() -> None:
    names = {
        flow: {entry["name"] for entry in TABLE if entry["entrypoint"].endswith(f":{flow}")} for flow in ("promote", "reverify")
    }
    assert names["promote"] == names["reverify"]
    for entry in TABLE:
        if entry["entrypoint"].endswith(":reverify"):
            (schedule,) = entry["schedules"]
            assert entry["name"] == entry["parameters"]["environment"] == schedule["parameters"]["environment"]


def _clocks(entry: dict[str, Any]) -> list[dict[str, Any]]:
    """When an entry is started, and with what, whichever environment it is for."""
    kept = [{**one, "parameters": dict(one["parameters"])} for one in entry["schedules"]]
    for one in kept:
        one["parameters"].pop("environment", None)
    return kept


def test_every_variable_of_prefect_is_one_that_prefect_reads() -> None:
    known = known_variables(PrefectServerSettings)
    for module in (prefect_redis.client, prefect_redis.messaging):
        for one in vars(module).values():
            if isinstance(one, type) and issubclass(one, BaseSettings):
                known |= known_variables(one)
    texts = "".join((DEPLOYMENTS / name).read_text() for name in ("compose.yaml", "Dockerfile", "with-secrets"))
    named = {variable.removesuffix("_FILE") for variable in re.findall(r"\bPREFECT_[A-Z_]+", texts)}
    assert named - {"PREFECT_HOST"} - known == set()


def test_secrets_become_variables_and_an_absent_one_is_told(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("planted-secret\n")
    command = [str(DEPLOYMENTS / "with-secrets"), "sh", "-c", 'echo "$PGPASSWORD ${PGPASSWORD_FILE-gone}"']
    environment = {"PATH": os.environ["PATH"]}
    done = subprocess.run(
        command, env={**environment, "PGPASSWORD_FILE": str(secret)}, capture_output=True, text=True, check=True
    )
    assert done.stdout == "planted-secret gone\n"
    absent = {**environment, "PGPASSWORD_FILE": str(tmp_path / "absent")}
    failed = subprocess.run(command, env=absent, capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert "PGPASSWORD: " in failed.stderr


def test_secrets_are_made_once_and_are_for_their_group_alone(tmp_path: Path) -> None:
    command = [str(DEPLOYMENTS / "compose" / "make-secrets"), str(tmp_path / "secrets")]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    made = {file.name: file.read_text() for file in (tmp_path / "secrets").iterdir()}
    subprocess.run(command, capture_output=True, text=True, check=True)
    assert {file.name: file.read_text() for file in (tmp_path / "secrets").iterdir()} == made
    missing = set(re.findall(r"vault_secret_id_\w+", told))
    assert made.keys() | missing == COMPOSE["secrets"].keys()
    assert made["redis_password"] in made["prefect_docket_url"]
    modes = {stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "secrets").iterdir()}
    assert modes == {0o440}


@pytest.mark.parametrize("automation", automations(DEPLOYMENTS / "automations.yaml"), ids=lambda one: one["name"])
def test_prefect_takes_every_automation(automation: dict[str, Any]) -> None:
    assert AutomationCreate.model_validate(automation).enabled


@pytest.mark.parametrize("kind", ["docker", "kubernetes", "ecs"])
def test_a_job_template_leaves_nothing_to_set_and_fits_prefects_own_of_its_type(kind: str) -> None:
    spec = spec_from_file_location("job_template", DEPLOYMENTS / "job_template.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    template = module.job_template(kind)
    assert WorkPoolCreate(name="x", type=kind, base_job_template=template).base_job_template == template
    assert template["variables"] == {"type": "object", "properties": {}, "additionalProperties": False}
    text = yaml.safe_dump(template["job_configuration"])
    assert re.findall(r"\{\{|\}\}", text) == []
    assert "pratique:0.1.0" in text
    workers = json.loads(module.THEIRS.read_text()).values()
    theirs = next(found[kind] for found in workers if kind in found)["default_base_job_configuration"]["variables"]
    jsonschema.Draft202012Validator(theirs).validate(yaml.safe_load(module.OURS.read_text())[kind]["variables"])


def test_an_image_is_built_of_what_there_is() -> None:
    text = (DEPLOYMENTS / "Dockerfile").read_text()
    for words in re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE):
        *sources, _ = words.split()
        assert all((ROOT / source).exists() for source in sources)
    images = re.findall(r"^FROM (\S+)|--from=([a-z]+:\S+)", text, re.MULTILINE)
    assert all(re.search(r":\d+\.\d+\.\d+-", first or second) for first, second in images)
    (user,) = re.findall(r"^USER (.*)$", text, re.MULTILINE)
    assert user == "10001:10001"
    (uv,) = re.findall(r"^UV_VERSION := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert f"uv=={uv}" in text


def known_variables(model: type[BaseSettings]) -> set[str]:
    """The environment variables that a settings model reads, those of the models in it as well."""
    prefix = str(model.model_config.get("env_prefix", "")).upper()
    found = set()
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseSettings):
            found |= known_variables(field.annotation)
        choices = getattr(field.validation_alias, "choices", [])
        found |= {choice.upper() for choice in choices if isinstance(choice, str)} | {f"{prefix}{name}".upper()}
    return found
