"""Input documents of policies: one in which all is well, and what cases change of it."""

from __future__ import annotations

import copy
from typing import Any

from pratique.clients.rego import child
from pratique.clients.rego.engine import RegoPolicies
from pratique.clients.rego.process import Limits, Question
from pratique.values.digest import Digest, digest_of
from pratique.values.gate import GateVerdict, Module

NOW = 1772452800
"""2 Mar 2026 at 12:00 UTC."""
DAY = 86400
POLICY, PLAN = digest_of(b"policy"), digest_of(b"plan")
NAMED = {name: digest_of(name.encode()) for name in ("release", "other", "web", "job", "grant", "ruling")}
DIGESTS: dict[str, Digest] = {**NAMED, "policy": POLICY, "plan": PLAN}


def subject(name: str) -> dict[str, Any]:
    """The release, or an image, signed, with a bill and a scan in which nothing is wrong."""
    components = [{"name": "lib", "version": "1.0", "purl": "pkg:pypi/lib@1.0", "licences": ["MIT"]}]
    return {
        "name": "" if name == "release" else name,
        "repository": "hello/releases" if name == "release" else f"hello/images/{name}",
        "digest": DIGESTS[name],
        "signers": [{"name": "key:one", "issuer": ""}],
        "bill": None if name == "release" else {"components": components},
        "scans": [] if name == "release" else [{"scanner": "trivy", "finished_at": NOW - 3600, "findings": []}],
        "faults": [],
    }


def grant(environment: str, granted_at: int = NOW - 2 * DAY) -> dict[str, Any]:
    signer = {"name": "key:one", "issuer": ""}
    bundle = DIGESTS["grant"]
    return {"environment": environment, "bundle": bundle, "kind": "promote", "granted_at": granted_at, "signer": signer}


def document() -> dict[str, Any]:
    """A release on its way into `staging`, after `dev`; nothing is asked for but what always is."""
    commit = {"id": "1" * 40, "repository": "https://git.example.test/hello.git", "author": "ada@a.test", "committed_at": 1}
    return {
        "version": 1,
        "purpose": "promote",
        "now": NOW,
        "service": "hello",
        "policy": POLICY,
        "release": {
            "digest": DIGESTS["release"],
            "commit": commit,
            "evidence": subject("release"),
            "images": [subject("web"), subject("job")],
        },
        "environment": {
            "name": "staging",
            "after": ["dev"],
            "opening": {"is_open": True, "words": "open at any time", "changes_at": None},
            "holds": None,
            "granted_upstream": ["dev"],
        },
        "gates": [],
        "chain": {"grants": [grant("dev"), grant("staging")], "faults": []},
        "plan": None,
        "approvals": [],
        "exceptions": [],
        "revocations": [],
        "holds": [],
    }


REQUIREMENTS: dict[str, dict[str, Any]] = {
    "approvals": {"required": 1, "people": ["ada", "bob", "cyd"], "not_author": True, "expires": 7 * DAY, "clicks": False},
    "vulnerabilities": dict.fromkeys(("critical", "high", "medium", "low", "unknown", "scanned_within")),
    "licences": {"allow": [], "deny": [], "unknown": "refuse"},
}
ELEMENTS: dict[str, dict[str, Any]] = {
    "approvals": {
        "kind": "approve", "by": "bob", "is_click": False, "is_author": False, "plan": PLAN, "policy": POLICY,
        "made_at": NOW - 60, "expires_at": None, "reason": "", "bundle": DIGESTS["ruling"],
    },
    "exceptions": {
        "gate": "vulnerabilities", "finding": "", "by": ["bob", "cyd"], "reason": "tonight", "expires_at": NOW + 60,
        "bundles": [DIGESTS["ruling"], DIGESTS["other"]],
    },
    "revocations": {"by": "bob", "made_at": NOW - 60, "reason": "", "bundle": DIGESTS["ruling"]},
    "holds": {
        "release": DIGESTS["other"], "commit": "2" * 40, "made_at": NOW - 60, "reason": "", "bundle": DIGESTS["ruling"],
        "lifted": False,
    },
}  # fmt: skip
"""What a case leaves out of what it adds."""


def changed(case: dict[str, Any]) -> dict[str, Any]:
    """The document of a case: `set` paths, `gates`, and lists of what is to be there, each completed by the usual."""
    found = document()
    for asked in case.get("gates", []):
        gate: dict[str, Any] = {"by": "service", "soak": None, "signed_by": []}
        gate |= dict.fromkeys(REQUIREMENTS)
        for name, value in asked.items():
            gate[name] = {**REQUIREMENTS[name], **value} if name in REQUIREMENTS else value
        found["gates"].append(gate)
    for name, usual in ELEMENTS.items():
        found[name] = [{**copy.deepcopy(usual), **one} for one in case.get(name, [])]
    for path, value in case.get("set", {}).items():
        _set(found, path.split("."), value)
    return _named(found)


def _set(place: Any, path: list[str], value: Any) -> None:
    for step in path[:-1]:
        place = place[int(step)] if isinstance(place, list) else place[step]
    if isinstance(place, list):
        place[int(path[-1])] = value
    else:
        place[path[-1]] = value


def _named(value: Any) -> Any:
    """Digests in place of `$release` and the like."""
    match value:
        case str() if value.startswith("$"):
            return DIGESTS[value[1:]]
        case dict():
            return {name: _named(one) for name, one in value.items()}
        case list():
            return [_named(one) for one in value]
        case _:
            return value


def _at_once(questions: Any, told: object, _: Limits) -> list[dict[str, Any]]:
    return child.answers_to([Question.model_dump(question) for question in questions], told)


IN_PROCESS = RegoPolicies(ask=_at_once)
"""The engine in the process of the tests: for tables, where nothing goes astray."""


def asked(modules: tuple[Module, ...], gate: str, told: object) -> GateVerdict:
    """What one gate says."""
    own = tuple(module for module in modules if module.path.endswith(f"/{gate}.rego"))
    (verdict,) = IN_PROCESS.evaluate_document(own, told)
    return verdict
