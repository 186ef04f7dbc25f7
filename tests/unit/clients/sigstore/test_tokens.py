from __future__ import annotations

import pytest
from sigstore.oidc import IdentityError

from pratique.clients.sigstore import ambient_token, tokens
from pratique.errors import Refused, Transient


def test_the_token_of_the_surroundings_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "detect_credential", lambda: "a.b.c")
    assert ambient_token() == "a.b.c"


def test_without_an_ambient_identity_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "detect_credential", lambda: None)
    with pytest.raises(Refused, match=r"no ambient identity here .*signing\.vault_role"):
        ambient_token()


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("GitHub: missing or insufficient OIDC token permissions", Refused),
        ("GitHub: OIDC token request timed out", Transient),
    ],
)
def test_surroundings_that_give_none_say_why(said: str, kind: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> str:
        raise IdentityError(said)

    monkeypatch.setattr(tokens, "detect_credential", fail)
    with pytest.raises(kind, match=said):
        ambient_token()
