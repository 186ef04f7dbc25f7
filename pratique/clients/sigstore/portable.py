"""Trust material that needs no file of the machine: keys as text, and the trusted roots of identities beside it.

carried = carry(material)             # where it is exported
with unpack(carried) as material:     # where it is believed
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from pydantic import ValidationError

from pratique.clients.sigstore.roots import public_trust_config
from pratique.decisions.dsse import problems_of
from pratique.errors import Invalid, Refused
from pratique.values.digest import canonical_json, digest_of, hex_of
from pratique.values.trust import Trusted, TrustedKey
from pratique.values.trust_material import TrustMaterial


class Carried(NamedTuple):
    """The material as canonical JSON, and the roots that it names by their digest."""

    document: bytes
    roots: tuple[bytes, ...]
    """By their digest."""


def carry(material: TrustMaterial) -> Carried:
    """The material with the content of every file that it names; `Invalid` where one cannot be read."""
    roots: dict[str, bytes] = {}

    def carried(signer: Trusted) -> Trusted:
        if isinstance(signer, TrustedKey):
            key = signer if signer.file is None else signer.model_copy(update={"pem": _read(signer.file), "file": None})
            return key if key.trusted_root is None else rooted(key, _read(key.trusted_root))
        return rooted(signer, _public_root() if signer.trusted_root is None else _read(signer.trusted_root))

    def rooted(signer: Trusted, content: str) -> Trusted:
        name = _root_name(content.encode())
        roots[name] = content.encode()
        return signer.model_copy(update={"trusted_root": Path(name)})

    document = _with_signers(material, carried).model_dump(mode="json", by_alias=True)
    return Carried(canonical_json(document), tuple(roots[name] for name in sorted(roots)))


@contextmanager
def unpack(carried: Carried) -> Iterator[TrustMaterial]:
    """The material, its roots in files for as long as it is used; refused where it is none, or a root is missing."""
    try:
        material = TrustMaterial.model_validate_json(carried.document)
    except ValidationError as error:
        raise Refused(f"the trust material cannot be read: {problems_of(error)}") from None
    with TemporaryDirectory(prefix="pratique-trust-") as folder:
        there = _write(Path(folder), carried.roots)

        def usable(signer: Trusted) -> Trusted:
            if isinstance(signer, TrustedKey) and signer.file is not None:
                raise Refused(f"the trust material names the file {signer.file}, which is not in it: export it again")
            if isinstance(signer, TrustedKey) and signer.trusted_root is None:
                return signer
            root = there.get(str(signer.trusted_root))
            if root is None:
                whose = "a key" if isinstance(signer, TrustedKey) else signer.identity
                raise Refused(f"the trust material lacks the trusted root of {whose}: export it again")
            return signer.model_copy(update={"trusted_root": root})

        yield _with_signers(material, usable)


def _with_signers(material: TrustMaterial, change: Callable[[Trusted], Trusted]) -> TrustMaterial:
    """The material with each signer changed."""
    places = {
        name: place.model_copy(update={"trust": tuple(map(change, place.trust))})
        for name, place in material.environments.items()
    }
    persons = {
        name: person.model_copy(update={"trust": tuple(map(change, person.trust))})
        for name, person in material.people.persons.items()
    }
    people = material.people.model_copy(update={"persons": persons})
    return material.model_copy(update={"environments": places, "people": people})


def _write(folder: Path, roots: tuple[bytes, ...]) -> Mapping[str, Path]:
    there: dict[str, Path] = {}
    for content in roots:
        name = _root_name(content)
        there[name] = folder / name
        there[name].write_bytes(content)
    return there


def _root_name(content: bytes) -> str:
    return f"{hex_of(digest_of(content))}.json"


def _public_root() -> str:
    """The public good instance's root, as this machine last had it."""
    return public_trust_config(refresh=False)._inner.trusted_root.to_json()  # noqa: SLF001 - as it was read


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise Invalid(str(file), f"cannot be read: {reason}", "name a file that is there") from None
