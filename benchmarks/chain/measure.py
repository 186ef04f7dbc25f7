"""Verifying the evidence file of a five-hop chain with nobody to ask: signed with a key, and keyless with a private Sigstore.

    make bench-chain               # or: python -m benchmarks.chain.measure --runs 200

A release is in five environments, one after the other; each has its grant, what the gates came to and what the checks found,
and the last one two approvals, two exceptions and what it held before. Counted is everything between the file's bytes and the
proof: reading the file, comparing every byte of it, every signature, every link. A new verifier each time, in a process that
has imported what it needs; the first run, which also reads the trusted root, is told by itself.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from pratique.clients.ports import EvidenceSigner
from pratique.clients.sigstore import KeylessEvidenceSigner, OfflineEvidenceVerifier
from pratique.pipeline.exporting import collect, policies_artifact, trust_artifact, verify_file
from pratique.settings import KeylessSigning
from pratique.values.trust import Trusted, TrustedIdentity
from tests.fakes.evidenced import Evidenced, evidenced, key, signer
from tests.services._private_sigstore.deployment import PrivateSigstore

HOPS = ("dev", "test", "staging", "canary", "prod")
IDENTITY = "pipeline@factory.test"
BAR_MS = 100


def main() -> None:
    """Measure, and print a line of JSON for each way to sign."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, PrivateSigstore(Path(folder)) as deployment:
        by_key = exported(chain(signer("pipeline")), key("pipeline"))
        by_identity = exported(chain(keyless(deployment)), trusted(deployment))
    # The deployment is gone: whatever asked it from here on would fail.
    for name, content in (("key", by_key), ("keyless", by_identity)):
        print(json.dumps({"signed": name, **measure(content, asked.runs)}), flush=True)


def chain(signs: EvidenceSigner) -> Evidenced:
    """A release in five environments, one after the other."""
    line = {name: {"after": [HOPS[number - 1]]} if number else {} for number, name in enumerate(HOPS)}
    return evidenced(line, pipeline=lambda _name: signs)


def keyless(deployment: PrivateSigstore) -> EvidenceSigner:
    """Signs as the pipeline's identity, its entries in a Rekor of version 2, with a timestamp."""
    settings = KeylessSigning(trust_config=deployment.configurations["v2-timestamp"])
    return KeylessEvidenceSigner(settings, lambda: deployment.issuer.token(IDENTITY))


def trusted(deployment: PrivateSigstore) -> TrustedIdentity:
    """The pipeline's identity."""
    return TrustedIdentity(identity=IDENTITY, issuer=deployment.issuer.url, trusted_root=deployment.trusted_root)


def exported(found: Evidenced, signed_by: Trusted) -> bytes:
    """The evidence file, every environment trusting that signer."""
    places = found.material.environments
    believed = {name: place.model_copy(update={"trust": (signed_by,)}) for name, place in places.items()}
    material = found.material.model_copy(update={"environments": believed})
    trusting = replace(found, material=material)
    return collect(trusting.in_registry(), found.stored, [trust_artifact(material), policies_artifact({})]).written()


def measure(content: bytes, runs: int) -> dict[str, Any]:
    """Milliseconds of each run, summed up."""

    def once() -> None:
        proof = verify_file(content, OfflineEvidenceVerifier()).proof
        if not proof.verified:
            raise SystemExit(f"not verified: {proof.problems}")

    first, _ = timed(once)
    every = [timed(once) for _ in range(runs)]
    wall, busy = (sorted(one[kind] for one in every) for kind in (0, 1))
    p95 = percentile(wall, 95)
    return {
        "hops": len(HOPS),
        "bytes": len(content),
        "bundles": content.count(b'"dsseEnvelope"'),
        "runs": runs,
        "first_ms": round(first, 1),
        "p50_ms": percentile(wall, 50),
        "p95_ms": p95,
        "cpu_p50_ms": percentile(busy, 50),
        "cpu_p95_ms": percentile(busy, 95),
        "bar_ms": BAR_MS,
        "met": p95 < BAR_MS,
        "load": os.getloadavg()[0],
    }


def percentile(ordered: list[float], which: int) -> float:
    """The least of the times that so many of a hundred do not exceed."""
    return round(ordered[math.ceil(len(ordered) * which / 100) - 1], 1)


def timed(work: Callable[[], None]) -> tuple[float, float]:
    """Milliseconds that went by, and those of them in which this process computed."""
    began, busy = time.perf_counter(), time.process_time()
    work()
    return (time.perf_counter() - began) * 1000, (time.process_time() - busy) * 1000


if __name__ == "__main__":
    main()
