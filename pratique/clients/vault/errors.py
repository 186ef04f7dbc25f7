"""What Vault's answers mean: a no that names the place and the remedy, or "ask again"."""

from __future__ import annotations

from http import HTTPStatus

import hvac

from pratique.clients.vault.wire import Answer
from pratique.errors import Refused, Transient

_STANDBY = {HTTPStatus.TEMPORARY_REDIRECT, 472, 473}
"""Answers of a node that does not serve: it redirects, or is a disaster-recovery or performance standby (Vault's own codes)."""


def unexplained(address: str, asked: str, answer: Answer) -> Refused | Transient:
    """The error for an answer that the caller has no better explanation for; `asked` reads as in "read kv/data/hello"."""
    if reason := _passing(answer):
        return Transient(f"Vault at {address} did not {asked}: {reason}")
    if answer.location:
        return Refused(f"Vault at {address} redirects to {answer.location}: set vault.address to that")
    if "namespace not found" in answer.errors:
        return Refused(f"Vault at {address} has no such namespace: correct vault.namespace")
    return Refused(f"Vault at {address} did not {asked}: HTTP {answer.status} {answer.errors}".rstrip())


def _passing(answer: Answer) -> str:
    """What ails a Vault that may answer when asked again; empty where its answer is final."""
    match answer.status:
        case HTTPStatus.SERVICE_UNAVAILABLE if "sealed" in answer.errors:
            return "it is sealed; unseal it"
        case HTTPStatus.TOO_MANY_REQUESTS:
            return "it is asked too often"
        case HTTPStatus.PRECONDITION_FAILED:
            return "this replica has not seen our last write yet"
        case status if status in _STANDBY:
            return "it is a standby, and its active node may be changing"
        case status if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return f"HTTP {status} {answer.errors}".rstrip()
    return ""


def denied(client: hvac.Client, known: tuple[str, ...], address: str, capability: str, path: str) -> Refused | None:
    """Which policies lack which capability on which path; None where it is the token itself that is not accepted.

    Vault answers 403 to both; only what the token may tell of itself tells them apart.
    `known` are the policies that the login told, for tokens that may not even look themselves up.
    """
    itself: Answer = client.auth.token.lookup_self()
    if not itself.ok and not known:
        return None
    names = sorted({*itself.data.get("policies", ()), *(itself.data.get("identity_policies") or ())} or known)
    there: Answer = client.sys.get_capabilities(paths=[path])
    # "deny" is said both where a policy denies and where none grants.
    granted = ", ".join(word for word in there.data.get(path, ()) if word != "deny") or "nothing"
    return Refused(
        f"Vault at {address} denies {capability} on {path}: "
        f"the token's policies ({', '.join(names) or 'none'}) grant {granted} there; "
        f'add `path "{path}" {{ capabilities = ["{capability}"] }}` to one of them, unless the path is wrong'
    )
