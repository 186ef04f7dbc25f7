from __future__ import annotations

from pathlib import Path

import pytest

from pratique.clients.sigstore import KeyEvidenceSigner, OfflineEvidenceVerifier
from pratique.clients.sigstore.key_file import KeyFile, make_key_file
from pratique.errors import Invalid
from pratique.values.digest import digest_of
from pratique.values.evidence import statement_about
from pratique.values.trust import TrustedKey

STATEMENT = statement_about("hello/releases", digest_of(b"release"), "https://example.test/said", {"said": "yes"})


def never() -> str:
    raise AssertionError("nobody is asked for the password of a key that has none")


def test_what_a_person_signs_with_a_file_verifies_with_the_public_key_that_was_told(tmp_path: Path) -> None:
    public = make_key_file(tmp_path / "keys" / "me.pem", "")
    signer = KeyEvidenceSigner(KeyFile(tmp_path / "keys" / "me.pem", never), "me")
    found = OfflineEvidenceVerifier().verify(signer.sign(STATEMENT), [TrustedKey(pem=public)])
    assert found.statement == STATEMENT


def test_an_encrypted_key_opens_with_its_password_alone(tmp_path: Path) -> None:
    file = tmp_path / "me.pem"
    public = make_key_file(file, "correct horse")
    assert b"ENCRYPTED" in file.read_bytes()
    assert KeyFile(file, lambda: "correct horse").public_key("me") == (1, public)
    with pytest.raises(Invalid, match="holds no private key that this password opens"):
        KeyFile(file, lambda: "wrong").public_key("me")


def test_the_file_is_its_owners_only_and_never_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "me.pem"
    make_key_file(file, "")
    assert file.stat().st_mode & 0o777 == 0o600
    before = file.read_bytes()
    with pytest.raises(Invalid, match="is there already"):
        make_key_file(file, "")
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("content", "problem"),
    [(None, "cannot be read"), (b"", "holds no private key"), (b"-----BEGIN X-----", "holds no private key")],
)
def test_a_file_that_holds_no_key_is_invalid_and_says_how_to_make_one(
    tmp_path: Path, content: bytes | None, problem: str
) -> None:
    file = tmp_path / "me.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(Invalid, match=rf"{problem}.*pratique keygen"):
        KeyFile(file, never).public_key("me")
