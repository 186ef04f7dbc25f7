"""`pratique approve | reject | except | revoke | lift | keygen`: what people decide, each signed by whoever decides it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pratique.cli.opening import clients
from pratique.cli.options import In, Json, Limit, OnlyIn, Release, Service, ThisRelease, To, given_reason
from pratique.cli.output import console, show_json, show_table
from pratique.cli.patience import patiently
from pratique.cli.signers import KeylessOption, KeyOption, VaultKeyOption, asked_password, persons_signer
from pratique.cli.views import change_rows, chosen_release
from pratique.errors import Invalid, Refused

if TYPE_CHECKING:
    from datetime import timedelta

    from pratique.values.promotion import Promotion
    from pratique.values.release import StoredRelease
    from pratique.values.ruling import Ruling, SignedRuling

Reason = Annotated[str, typer.Option(help="Why; it is signed, and stays.", callback=given_reason)]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask whether that is meant.")]


def approve(
    service: Service,
    to: To,
    reason: Annotated[str, typer.Option(help="What you looked at; it is signed, and stays.")] = "",
    lasting: Annotated[
        str | None, typer.Option("--for", help="How long it counts, such as 4h; no longer than the gates say.")
    ] = None,
    *,
    key: KeyOption = None,
    vault_key: VaultKeyOption = None,
    keyless: KeylessOption = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Approve of the plan of the promotion that waits for it: your signature over release, environment, plan and policy."""
    from pratique.cli.resuming import resume_waiting
    from pratique.values.ruling import Approve

    waiting, stored = _asked(service, to, as_json=as_json)
    assert waiting.asked is not None  # noqa: S101  # that is what was looked for
    _confirm(f"approve of plan {waiting.asked.plan.digest[7:19]} in {to}", yes=yes or as_json)
    now = datetime.now(UTC)
    ruling = Approve(
        **_about(stored, now),
        environment=to,
        plan=waiting.asked.plan.digest,
        policy=waiting.asked.policy,
        reason=reason,
        expires_at=None if lasting is None else now + _duration(lasting),
    )
    signed = _sign(stored, ruling, key, vault_key, keyless=keyless)
    resumed = resume_waiting(clients(), waiting, stored)
    _tell(signed, resumed, as_json=as_json)


def reject(
    service: Service,
    to: To,
    reason: Reason,
    *,
    key: KeyOption = None,
    vault_key: VaultKeyOption = None,
    keyless: KeylessOption = False,
    as_json: Json = False,
) -> None:
    """Reject the plan of the promotion that waits for approval; it ends, with your reason."""
    from pratique.cli.resuming import resume_waiting
    from pratique.values.ruling import Reject

    waiting, stored = _asked(service, to, as_json=as_json)
    assert waiting.asked is not None  # noqa: S101  # that is what was looked for
    asked = {"plan": waiting.asked.plan.digest, "policy": waiting.asked.policy}
    ruling = Reject(**_about(stored, datetime.now(UTC)), environment=to, reason=reason, **asked)
    signed = _sign(stored, ruling, key, vault_key, keyless=keyless)
    resumed = resume_waiting(clients(), waiting, stored)
    _tell(signed, resumed, as_json=as_json)


def except_(
    service: Service,
    to: To,
    gate: Annotated[str, typer.Option(help="Which gate may be passed over, such as soak.")],
    reason: Reason,
    *,
    until: Annotated[datetime, typer.Option(formats=["%Y-%m-%dT%H:%M"], help="When it expires, in UTC: 2026-11-25T18:30.")],
    finding: Annotated[str, typer.Option(help="Only this finding of it, such as CVE-2026-1.")] = "",
    release: Release = None,
    key: KeyOption = None,
    vault_key: VaultKeyOption = None,
    keyless: KeylessOption = False,
    as_json: Json = False,
) -> None:
    """Sign an exception from one gate. It counts once a second person has signed the same, word for word, until it expires."""
    from pratique.values.ruling import Except

    stored = patiently(lambda: chosen_release(service, release))
    about = _about(stored, datetime.now(UTC))
    expires = until.replace(tzinfo=UTC)
    ruling = Except(**about, environment=to, gate=gate, finding=finding, reason=reason, expires_at=expires)
    if expires <= ruling.made_at:
        raise Invalid("--until", f"{until:%Y-%m-%dT%H:%M} UTC is over", "name a later time")
    _tell(_sign(stored, ruling, key, vault_key, keyless=keyless), resumed=None, as_json=as_json)


def revoke(
    service: Service,
    release: ThisRelease,
    reason: Reason,
    *,
    key: KeyOption = None,
    vault_key: VaultKeyOption = None,
    keyless: KeylessOption = False,
    as_json: Json = False,
) -> None:
    """Let a release go nowhere any more. What holds it keeps it, and `pratique rollback` brings that back."""
    from pratique.values.ruling import Revoke

    stored = patiently(lambda: chosen_release(service, release))
    ruling = Revoke(**_about(stored, datetime.now(UTC)), reason=reason)
    _tell(_sign(stored, ruling, key, vault_key, keyless=keyless), resumed=None, as_json=as_json)


def lift(
    service: Service,
    environment: In,
    reason: Reason,
    *,
    key: KeyOption = None,
    vault_key: VaultKeyOption = None,
    keyless: KeylessOption = False,
    as_json: Json = False,
) -> None:
    """Lift every hold of an environment. What it was held after is still not let in there again."""
    from pratique.pipeline.holds import holds_in
    from pratique.values.ruling import Hold, Lift

    known = patiently(lambda: holds_in(clients(), service, environment))
    lifted = {one.ruling.hold for one in known if isinstance(one.ruling, Lift)}
    holds = [one for one in known if isinstance(one.ruling, Hold) and one.bundle not in lifted]
    if not holds:
        raise Refused(f"{service} in {environment} is not held: `pratique rulings {service}` shows what was decided")
    for held in holds:
        stored = chosen_release(service, held.ruling.release)
        ruling = Lift(**_about(stored, datetime.now(UTC)), environment=environment, hold=held.bundle, reason=reason)
        _tell(_sign(stored, ruling, key, vault_key, keyless=keyless), resumed=None, as_json=as_json)


def rulings(
    service: Service,
    environment: OnlyIn = None,
    limit: Limit = 20,
    *,
    as_json: Json = False,
) -> None:
    """List what people and the pipeline have decided, newest first."""

    def look() -> list[dict[str, object]]:
        from pratique.pipeline.places import require_known

        with clients().ledger() as ledger:
            require_known(ledger, service, environment)
            return [_row(signed) for signed in ledger.rulings(service, environment, limit)]

    rows = patiently(look)
    if as_json:
        show_json(rows)
    else:
        show_table(rows, empty="nothing has been decided about it")


def keygen(
    file: Annotated[Path, typer.Argument(help="Where the private key goes.")] = Path("person.pem"),
    *,
    no_password: Annotated[bool, typer.Option("--no-password", help="Leave the key unencrypted.")] = False,
) -> None:
    """Make a key to sign with, and say what the operator adds to the settings for it."""
    from pratique.clients.sigstore.key_file import make_key_file

    public = make_key_file(file, "" if no_password else asked_password())
    console.print(f"the private key is in {file}: keep it. The operator adds to the settings:\n", markup=False)
    name = '[people.your-name]\nemails = ["you@example.com"]  # as in the author of your commits\n[[people.your-name.trust]]\n'
    console.print(f'{name}kind = "key"\npem = """\n{public}"""', markup=False)


def _asked(service: str, to: str, *, as_json: bool) -> tuple[Promotion, StoredRelease]:
    """The promotion that waits for approval there, with what it asks shown to whoever answers."""

    def look() -> list[Promotion]:
        with clients().ledger() as ledger:
            return [one for one in ledger.waiting(service, to) if one.asked is not None]

    waiting = patiently(look)
    if not waiting:
        raise Refused(f"nothing waits for approval in {to} of {service}: `pratique queue {service}` shows what waits for what")
    newest = waiting[-1]
    assert newest.asked is not None  # noqa: S101  # that is what was looked for
    stored = patiently(lambda: chosen_release(service, newest.release))
    if not as_json:
        console.print(f"{stored.label} → {to}: {newest.reason}", markup=False)
        plan = newest.asked.plan
        show_table(change_rows(plan.changes), empty=f"nothing would change, because {plan.reason}")
    return newest, stored


def _about(stored: StoredRelease, now: datetime) -> dict[str, Any]:
    release = stored.release
    return {"service": release.service, "release": stored.digest, "commit": release.commit.id, "made_at": now}


def _sign(stored: StoredRelease, ruling: Ruling, key: Path | None, vault_key: str | None, *, keyless: bool) -> SignedRuling:
    from pratique.pipeline.ruling import sign_by_person

    with persons_signer(key, vault_key, keyless=keyless) as signer:
        return sign_by_person(clients(), stored, ruling, signer)


def _tell(signed: SignedRuling, resumed: str | None, *, as_json: bool) -> None:
    if as_json:
        show_json({**_row(signed), "bundle": signed.bundle, "then": resumed})
        return
    ruling = signed.ruling
    where = "" if ruling.kind == "revoke" else f" in {ruling.environment}"
    console.print(f"signed by {signed.by}: {ruling.kind}{where} ({signed.bundle[7:19]})", markup=False)
    if resumed is not None:
        console.print(resumed, markup=False)


def _row(signed: SignedRuling) -> dict[str, object]:
    ruling = signed.ruling
    by = signed.by or getattr(ruling, "clicked_by", "") or "the pipeline"
    return {
        "when": ruling.made_at,
        "kind": ruling.kind,
        "by": f"{by} (a click)" if getattr(ruling, "clicked_by", "") else by,
        "service": ruling.service,
        "environment": None if ruling.kind == "revoke" else ruling.environment,
        "commit": ruling.commit[:12],
        "gate": f"{ruling.gate} {ruling.finding}".strip() if ruling.kind == "except" else None,
        "until": getattr(ruling, "expires_at", None),
        "reason": ruling.reason,
    }


def _duration(text: str) -> timedelta:
    from pratique.values.duration import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise Invalid("--for", f"{text!r} is no duration", str(error)) from None


def _confirm(what: str, *, yes: bool) -> None:
    if not yes:
        typer.confirm(f"{what}?", abort=True)
