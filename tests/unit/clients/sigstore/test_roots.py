from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sigstore.errors import TUFError
from sigstore.models import ClientTrustConfig
from tuf.api.exceptions import DownloadError, RepositoryError

from pratique.clients.sigstore import roots
from pratique.errors import Invalid, Transient


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    roots._public_root.cache_clear()
    yield
    roots._public_root.cache_clear()


def test_the_public_instances_root_needs_no_network() -> None:
    assert roots.trusted_root(None) is roots.trusted_root(None)


@pytest.mark.parametrize("content", ["", "{}", "[]", "no JSON", '{"mediaType": "application/json", "tlogs": []}'])
def test_a_file_that_is_no_root_is_invalid(tmp_path: Path, content: str) -> None:
    file = tmp_path / "root.json"
    file.write_text(content)
    with pytest.raises(Invalid, match="trusted root file of Sigstore"):
        roots.trusted_root(file)
    with pytest.raises(Invalid, match="client trust configuration"):
        roots.private_trust_config(file)


def test_a_missing_file_is_invalid_and_named(tmp_path: Path) -> None:
    for read in (roots.trusted_root, roots.private_trust_config):
        with pytest.raises(Invalid, match=r"missing\.json: cannot be used"):
            read(tmp_path / "missing.json")


@pytest.mark.parametrize(
    ("cause", "kind"),
    [(DownloadError("away"), Transient), (OSError("away"), Transient), (RepositoryError("bad signature"), Invalid)],
)
def test_an_update_that_fails_is_a_later_or_a_no(
    cause: Exception, kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*, offline: bool) -> ClientTrustConfig:
        raise TUFError("Failed to refresh TUF metadata") from cause

    monkeypatch.setattr(ClientTrustConfig, "production", fail)
    with pytest.raises(kind, match="Failed to refresh TUF metadata"):
        roots.public_trust_config(refresh=True)
