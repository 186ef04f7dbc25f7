"""Promotions and releases for the ledger's tests."""

from __future__ import annotations

import itertools
import uuid
from datetime import UTC, datetime

from pratique.values.commit import Commit
from pratique.values.digest import digest_of
from pratique.values.manifest import Manifest
from pratique.values.promotion import Promotion, PromotionState
from pratique.values.references import ImageReference
from pratique.values.release import Release, ReleasedImage, StoredRelease

_numbers = itertools.count(1)


def a_promotion(service: str = "hello", environment: str = "prod", release: str = "first", **fields: object) -> Promotion:
    """A promotion that starts now."""
    known = {
        "id": str(uuid.uuid4()),
        "kind": "promote",
        "service": service,
        "environment": environment,
        "release": digest_of(release.encode()),
        "commit": "c0ffee" + "0" * 34,
        "requested_by": "Ada <ada@example.com>",
        "state": PromotionState.RUNNING,
        "started_at": datetime.now(UTC),
        "run_url": "http://127.0.0.1:4200/runs/1",
    }
    return Promotion.model_validate(known | fields)


def a_release(service: str = "hello") -> StoredRelease:
    """A release with a commit of its own."""
    number = next(_numbers)
    manifest = Manifest.model_validate(
        {
            "version": 1,
            "service": service,
            "images": [{"name": "web"}],
            "workload": {"image": "web", "port": 8080},
            "checks": [{"name": "up", "http": {"path": "/healthz"}, "deadline": "90s"}],
            "environments": {"dev": {}, "prod": {"after": ["dev"]}},
        }
    )
    commit = Commit(
        repository="https://example.com/hello.git",
        id=f"{number:040x}",
        author="Ada <ada@example.com>",
        committed_at=datetime(2026, 11, 1, 12, 30, tzinfo=UTC),
        subject="Say hello, with “quotes” and ümlauts",
    )
    image = ReleasedImage(name="web", reference=ImageReference(repository=f"{service}/images/web", digest=digest_of(b"image")))
    release = Release(service=service, commit=commit, images=(image,), infrastructure=digest_of(b"bundle"), manifest=manifest)
    return StoredRelease(digest=digest_of(f"{service} {number}".encode()), release=release)
