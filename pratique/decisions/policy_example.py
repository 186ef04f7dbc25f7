"""An input document in which all is well: what the tests of policies start from, and change with `with input.… as …`."""

from __future__ import annotations

from typing import Any

from pratique.values.digest import Digest, digest_of

NOW = 1772452800
"""2 Mar 2026 at 12:00 UTC."""
DAY = 86400
NAMES = ("release", "other", "web", "job", "grant", "ruling", "policy", "plan")
DIGESTS: dict[str, Digest] = {name: digest_of(name.encode()) for name in NAMES}


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
    """A grant of the release that counts."""
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
        "policy": DIGESTS["policy"],
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
