"""The environment and the settings that a `git` command sees."""

from __future__ import annotations

from pathlib import Path

import pytest

from pratique.clients.git.command import Git, settings_text


@pytest.mark.parametrize(
    ("repository", "protocol"),
    [
        ("https://git.example.org/x", "https"),
        ("http://127.0.0.1/x", "http"),
        ("ssh://git@git.example.org/x", "ssh"),
        ("git@git.example.org:x", "ssh"),
        ("file:///srv/x", "file"),
        ("/srv/x", "file"),
    ],
)
def test_only_the_transport_of_the_repositorys_own_address_is_allowed(repository: str, protocol: str) -> None:
    text = settings_text(repository)
    assert "[protocol]\n\tallow = never\n" in text
    assert text.count("allow = always") == 1
    assert f'[protocol "{protocol}"]\n\tallow = always' in text


def test_only_a_local_repository_is_trusted_whoever_owns_it() -> None:
    assert 'directory = "/srv/it\'s \\"here\\""' in settings_text('/srv/it\'s "here"')
    assert "[safe]" not in settings_text("https://git.example.org/x")


def test_a_command_sees_nothing_of_the_workers_environment_but_what_reaching_a_server_needs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("VAULT_TOKEN", "GIT_DIR", "GIT_CONFIG_PARAMETERS", "GIT_EXEC_PATH", "LD_PRELOAD", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "planted")
    monkeypatch.setenv("SSH_AUTH_SOCK", "/run/agent")
    seen = Git(Path("/m"), Path("/s"))._environment()
    assert "planted" not in seen.values()
    assert seen["SSH_AUTH_SOCK"] == "/run/agent"
    assert seen["GIT_TERMINAL_PROMPT"] == "0"
    assert seen["GIT_CONFIG_GLOBAL"] == "/s"
    assert "BatchMode=yes" in seen["GIT_SSH_COMMAND"]
