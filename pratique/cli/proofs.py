"""`pratique verify` and `pratique evidence export`: prove what is where, here or on a machine that reaches nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pratique.cli.opening import clients
from pratique.cli.options import Json, Release, Service
from pratique.cli.output import console, show_json
from pratique.cli.patience import patiently
from pratique.cli.views import chosen_release
from pratique.errors import Invalid, Refused

if TYPE_CHECKING:
    from rich.tree import Tree

    from pratique.pipeline.exporting import Verified
    from pratique.values.proof import Part, Proof


def verify(
    service: Annotated[str | None, typer.Argument(help="The service; not with --bundle.")] = None,
    *,
    release: Release = None,
    image: Annotated[
        str | None, typer.Option(help="An image, by its name or its digest, and the releases that name it.")
    ] = None,
    environment: Annotated[
        str | None, typer.Option("--in", "--to", help="What this environment holds, and what runs there.")
    ] = None,
    bundle: Annotated[Path | None, typer.Option(help="An evidence file; nobody else is asked.")] = None,
    trust: Annotated[str | None, typer.Option(help="The digest that the trust material in the file must have.")] = None,
    own_trust: Annotated[bool, typer.Option("--settings", help="Verify the file by your own settings instead.")] = False,
    as_json: Json = False,
) -> None:
    """Verify everything about a release: signatures, provenance, each grant and what it rests on, and the links between."""
    _require_one_way(service, {"--release": release, "--image": image, "--in": environment, "--bundle": bundle})
    if bundle is None and (trust is not None or own_trust):
        raise Invalid("--settings" if own_trust else "--trust", "is about an evidence file", "name one with --bundle")
    if trust is not None and own_trust:
        raise Invalid("--trust", "has no meaning beside --settings", "name one of them")
    if bundle is not None:
        _show_file(bundle, trust, own_trust=own_trust, as_json=as_json)
        return
    assert service is not None  # noqa: S101  # that was required
    _show(patiently(lambda: _proof(service, release, image, environment)), as_json=as_json)


def export(
    service: Service,
    file: Annotated[Path, typer.Argument(help="Where the evidence goes; overwritten.")],
    release: Release = None,
    *,
    as_json: Json = False,
) -> None:
    """Write the evidence of a release into one file: chain, bundles, policies, trust. The same evidence, the same bytes."""
    from pratique.pipeline.exporting import export_release, trust_in
    from pratique.values.digest import digest_of

    stored = patiently(lambda: chosen_release(service, release))
    content = patiently(lambda: export_release(clients(), stored))
    trust = trust_in(content)
    try:
        file.write_bytes(content)
    except OSError as error:
        raise Invalid(str(file), f"cannot be written: {error.strerror}", "name a file in a folder that is there") from None
    if as_json:
        show_json({"release": stored.digest, "file": str(file), "digest": digest_of(content), "trust": trust})
        return
    console.print(f"the evidence of {stored.label} is in {file}, {len(content)} bytes, {digest_of(content)}", markup=False)
    console.print(f"trust material: {trust}", markup=False)
    console.print(f"\nwhoever gets it: pratique verify --bundle {file} --trust {trust}", markup=False)
    console.print("give them that digest on another way than the file", markup=False)


def _require_one_way(service: str | None, ways: dict[str, object]) -> None:
    named = [way for way, value in ways.items() if value is not None]
    if len(named) > 1:
        raise Invalid(" and ".join(named), "are different things to verify", "name one of them")
    if service is None and named != ["--bundle"]:
        raise Invalid("service", "is missing", "name the service, or an evidence file with --bundle")
    if service is not None and named == ["--bundle"]:
        raise Invalid("--bundle", "says itself which service it is about", "leave the service out")


def _proof(service: str, release: str | None, image: str | None, environment: str | None) -> Proof:
    if image is not None:
        from pratique.pipeline.proven_subjects import prove_image

        return prove_image(clients(), service, image)
    if environment is not None:
        from pratique.pipeline.proven_subjects import prove_environment

        return prove_environment(clients(), service, environment)
    from pratique.pipeline.proving import prove_release

    return prove_release(clients(), chosen_release(service, release))


def _show_file(bundle: Path, trust: str | None, *, own_trust: bool, as_json: bool) -> None:
    from pratique.clients.sigstore import OfflineEvidenceVerifier
    from pratique.pipeline.exporting import verify_file
    from pratique.pipeline.proving import trust_of

    try:
        content = bundle.read_bytes()
    except OSError as error:
        raise Invalid(str(bundle), f"cannot be read: {error.strerror}", "name an evidence file") from None
    material = trust_of(clients()) if own_trust else None
    try:
        found = verify_file(content, OfflineEvidenceVerifier(), trust=trust, material=material)
    except Refused as no:
        raise Refused(*(f"{bundle}: {reason}" for reason in no.reasons)) from None
    _show(found.proof, as_json=as_json, found=found)
    if not as_json and not own_trust:
        console.print(f"trust material: {found.trust}", markup=False)
        if trust is None:
            console.print("it came with the file: compare that digest with one that you got otherwise (--trust)", markup=False)


def _show(proof: Proof, *, as_json: bool, found: Verified | None = None) -> None:
    """The proof as a tree or as JSON; refused with everything that is missing or wrong."""
    if as_json:
        trust = {} if found is None else {"trust": found.trust}
        about = {"service": proof.service, "release": proof.release, "commit": proof.commit, **trust}
        chain = [_row(part) for part in proof.parts if part.kind == "environment" and part.digest is not None]
        show_json({**about, "verified": proof.verified, "refusals": proof.problems, "chain": chain, "parts": proof.parts})
    else:
        if proof.verified:
            images = ", ".join(part.name for part in proof.parts if part.kind == "image")
            console.print(
                f"verified: {proof.label} and its images ({images}) are signed, and built from the commit", markup=False
            )
        console.print(proof_tree(proof))
    if not proof.verified:
        raise Refused(*proof.problems)


def proof_tree(proof: Proof) -> Tree:
    """The proof as a tree for a terminal, what is wrong in red."""
    from rich.markup import escape
    from rich.tree import Tree

    from pratique.decisions.proof_report import SOUND, UNSOUND

    tree = Tree(escape(f"{proof.label}: {SOUND if proof.verified else UNSOUND}"))
    for part in proof.parts:
        _grow(tree, part)
    return tree


def _grow(tree: Tree, part: Part) -> None:
    from rich.markup import escape

    from pratique.decisions.proof_report import faults, headline

    branch = tree.add(escape(headline(part)), style="red" if part.problems else "")
    for fault, one in faults(part):
        branch.add(escape(f"{fault}: {one}"), style="red")
    for one in part.says:
        branch.add(escape(one), style="dim")
    for below in part.parts:
        _grow(branch, below)


def _row(part: Part) -> dict[str, object]:
    """The newest grant of an environment."""
    return {"environment": part.name, "granted": part.at, "signed by": ", ".join(part.by), "grant": part.digest}
