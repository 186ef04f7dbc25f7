"""Evidence in real registries: laid out as cosign does, found both ways, never lost; and copied without moving bytes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone

import httpx
import pytest

from pratique.clients.registry import OciRegistry, open_registry, referrers
from pratique.clients.registry.documents import EMPTY, INDEX_TYPE, MANIFEST_TYPE, descriptor, index
from pratique.clients.registry.names import keeping_tag, referrers_tag
from pratique.errors import Invalid, Refused, Transient
from pratique.settings import RegistrySettings
from pratique.values.digest import Digest, canonical_json, digest_of
from pratique.values.evidence import BUNDLE_TYPE
from tests.services.fault_proxy import FaultProxy
from tests.services.registry import RealRegistry

KIND = "application/vnd.example.subject"
PREDICATE = "https://slsa.dev/provenance/v1"
CREATED = datetime(2026, 3, 4, 6, 6, 7, 890, tzinfo=timezone(timedelta(hours=1)))


class Site:
    """A repository with one subject, behind a proxy; `write` is another tool that writes there, past the proxy."""

    def __init__(self, real: RealRegistry, proxy: FaultProxy, registry: OciRegistry, repository: str) -> None:
        self.real, self.proxy, self.registry, self.repository = real, proxy, registry, repository
        self.subject = registry.push_artifact(repository, KIND, os.urandom(8).hex().encode(), [], {})
        self.tag = referrers_tag(self.subject)
        self.proxy.forget()

    def attach(self, bundle: bytes) -> Digest:
        return self.registry.attach(self.repository, self.subject, bundle, PREDICATE, CREATED)

    def bundles(self) -> tuple[bytes, ...]:
        return self.registry.bundles(self.repository, self.subject)

    def write(self, content: bytes, reference: str = "", media_type: str = MANIFEST_TYPE) -> dict[str, object]:
        """What points at the manifest written."""
        url = f"http://{self.real.address}/v2/{self.repository}/manifests/{reference or digest_of(content)}"
        httpx.put(url, content=content, headers={"Content-Type": media_type}, auth=self._login).raise_for_status()
        return descriptor(media_type, content)

    def write_index(self, *entries: dict[str, object]) -> None:
        self.write(index(entries), self.tag, INDEX_TYPE)

    def read(self, path: str) -> httpx.Response:
        url = f"http://{self.real.address}/v2/{self.repository}/{path}"
        return httpx.get(url, headers={"Accept": f"{MANIFEST_TYPE}, {INDEX_TYPE}"}, auth=self._login).raise_for_status()

    @property
    def _login(self) -> tuple[str, str] | None:
        return (self.real.credentials.username, self.real.credentials.password) if self.real.credentials else None

    def referrer(self, subject: Digest, *layers: dict[str, object]) -> bytes:
        """A manifest, as another tool may write it, whose blobs are in the repository."""
        self.registry.push_artifact(self.repository, KIND, EMPTY, [(BUNDLE_TYPE, b"foreign"), ("text/plain", b"text")], {})
        pointer = {"mediaType": MANIFEST_TYPE, "digest": subject, "size": 2}
        config = descriptor("application/vnd.oci.empty.v1+json", EMPTY)
        document = {"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": config, "layers": layers, "subject": pointer}
        return canonical_json(document)


@pytest.fixture
def site_in(
    fault_proxy: Callable[[str], FaultProxy], request: pytest.FixtureRequest
) -> Iterator[Callable[[RealRegistry], Site]]:
    opened = []

    def arrange(real: RealRegistry) -> Site:
        proxy = fault_proxy(f"http://{real.address}")
        context = open_registry(RegistrySettings(address=proxy.address, plain_http=True), real.credentials)
        opened.append(context)
        return Site(real, proxy, context.__enter__(), f"evidence/t{abs(hash(request.node.nodeid)):x}")

    yield arrange
    for context in opened:
        context.__exit__(None, None, None)


@pytest.fixture
def site(plain_registry: RealRegistry, site_in: Callable[[RealRegistry], Site]) -> Site:
    """In a registry without the referrers API."""
    return site_in(plain_registry)


@pytest.fixture
def any_site(real_registry: RealRegistry, site_in: Callable[[RealRegistry], Site]) -> Site:
    return site_in(real_registry)


def test_the_referrer_is_laid_out_as_cosign_does(any_site: Site) -> None:
    referrer = any_site.attach(b"{bundle}")
    stored = any_site.registry.manifest(any_site.repository, referrer)
    subject = any_site.registry.manifest(any_site.repository, any_site.subject)
    assert stored is not None
    assert subject is not None
    assert json.loads(stored.content) == {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "artifactType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "config": {
            "mediaType": "application/vnd.oci.empty.v1+json",
            "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
            "size": 2,
            "artifactType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        },
        "layers": [
            {
                "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
                "digest": digest_of(b"{bundle}"),
                "size": len(b"{bundle}"),
            }
        ],
        "subject": {
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": any_site.subject,
            "size": len(subject.content),
        },
        "annotations": {
            "dev.sigstore.bundle.content": "dsse-envelope",
            "dev.sigstore.bundle.predicateType": PREDICATE,
            "org.opencontainers.image.created": "2026-03-04T05:06:07Z",
        },
    }


def test_without_the_api_it_is_listed_in_the_index_under_the_subjects_tag(site: Site) -> None:
    referrer = site.attach(b"{}")
    answer = site.read(f"manifests/{site.tag}")
    size = len(site.read(f"manifests/{referrer}").content)
    entry = {"mediaType": MANIFEST_TYPE, "digest": referrer, "size": size, "artifactType": BUNDLE_TYPE}
    assert answer.headers["Content-Type"] == INDEX_TYPE
    assert answer.json() == {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [entry]}
    kept = {keeping_tag(digest) for digest in (site.subject, referrer)}
    assert set(site.read("tags/list").json()["tags"]) == {site.tag, *kept}


def test_with_the_api_no_tag_is_written(any_site: Site) -> None:
    any_site.attach(b"{}")
    listed = any_site.registry.resolve(any_site.repository, any_site.tag)
    assert (listed is None) == any_site.real.has_referrers_api


def test_a_registry_that_acknowledges_the_subject_is_not_asked_for_its_list(site: Site) -> None:
    site.proxy.answer(201, method="PUT", path="/manifests/", headers={"OCI-Subject": site.subject})
    site.attach(b"{}")
    assert site.proxy.count(path="/referrers/|/manifests/sha256-") == 0


def test_attaching_again_writes_no_index_again(site: Site) -> None:
    site.attach(b"{}")
    site.proxy.forget()
    site.attach(b"{}")
    assert site.proxy.count("PUT", "/manifests/sha256-") == 0
    assert site.proxy.count("PUT", "/blobs/uploads/") == 0


def test_a_time_without_a_zone_is_refused(site: Site) -> None:
    with pytest.raises(Invalid, match="has no time zone"):
        site.registry.attach(site.repository, site.subject, b"{}", PREDICATE, CREATED.replace(tzinfo=None))


def test_what_others_have_listed_stays_as_they_wrote_it(site: Site) -> None:
    foreign = site.write(site.referrer(site.subject, descriptor(BUNDLE_TYPE, b"foreign"))) | {"annotations": {"their": "own"}}
    site.write_index(foreign)
    site.attach(b"ours")
    assert site.read(f"manifests/{site.tag}").json()["manifests"][0] == foreign
    assert sorted(site.bundles()) == [b"foreign", b"ours"]


def test_what_is_listed_and_is_no_bundle_of_the_subject_is_passed_over(site: Site) -> None:
    older = "application/vnd.dev.sigstore.bundle+json;version=0.3"
    other = site.registry.push_artifact(site.repository, KIND, b"another subject", [], {})
    bundle, text = descriptor(BUNDLE_TYPE, b"foreign"), descriptor("text/plain", b"text")
    listed = [
        site.write(site.referrer(site.subject)),
        site.write(site.referrer(site.subject, text)),
        site.write(site.referrer(site.subject, bundle, text)),
        site.write(site.referrer(other, bundle)),
        site.write(canonical_json({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": []}), "", INDEX_TYPE),
    ]
    site.write_index(*listed)
    assert site.bundles() == ()
    site.write_index(*listed, site.write(site.referrer(site.subject, bundle | {"mediaType": older})))
    assert site.bundles() == (b"foreign",)


def test_what_is_listed_but_gone_or_of_another_digest_is_passed_over(site: Site) -> None:
    site.attach(b"{}")
    gone = descriptor(MANIFEST_TYPE, b"gone")
    entries = [*site.read(f"manifests/{site.tag}").json()["manifests"], gone, gone | {"digest": "sha512:0"}, {"size": "x"}]
    site.proxy.answer(200, path=f"/manifests/{site.tag}", headers={"Content-Type": INDEX_TYPE}, body=index(entries))
    assert site.bundles() == (b"{}",)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"mediaType": "%s"}' % INDEX_TYPE.encode(), "malformed"),
        (b'{"mediaType": "%s", "manifests": [1]}' % INDEX_TYPE.encode(), "malformed"),
        (b'{"mediaType": "%s", "manifests": {}}' % INDEX_TYPE.encode(), "malformed"),
        (b'{"mediaType": "%s"}' % MANIFEST_TYPE.encode(), "names no index of referrers"),
    ],
)
def test_a_tag_that_holds_something_else_is_refused_and_not_overwritten(site: Site, content: bytes, reason: str) -> None:
    site.proxy.answer(200, method="GET", path=f"/manifests/{site.tag}", body=content, times=2)
    for ask in (site.bundles, lambda: site.attach(b"{}")):
        with pytest.raises(Refused, match=reason):
            ask()
    assert site.proxy.count("PUT", f"/manifests/{site.tag}") == 0


def test_a_registry_that_fails_to_list_is_not_taken_for_one_without_evidence(site: Site) -> None:
    site.attach(b"{}")
    for status, error in ((500, Transient), (429, Transient), (403, Refused)):
        for path in ("/referrers/", "/manifests/sha256-"):
            site.proxy.answer(status, path=path)
            with pytest.raises(error):
                site.bundles()
    assert site.bundles() == (b"{}",)


def test_pages_of_the_list_are_followed_to_the_end(site: Site) -> None:
    for bundle in (b"{1}", b"{2}"):
        site.attach(bundle)
    first, second = site.read(f"manifests/{site.tag}").json()["manifests"]
    path, kind = f"/v2/{site.repository}/referrers/{site.subject}", {"Content-Type": INDEX_TYPE}
    site.proxy.answer(200, path="/referrers/", headers=kind | {"Link": f'<{path}?next=2>; rel="next"'}, body=index([first]))
    site.proxy.answer(200, path=r"/referrers/.*\?next=2", headers=kind, body=index([second]))
    assert site.bundles() == (b"{1}", b"{2}")


@pytest.mark.parametrize(
    ("entries", "reason"),
    [([], "does not end"), ([descriptor(MANIFEST_TYPE, b"some")], "more than 4 manifests refer to")],
)
def test_a_list_without_end_is_refused(
    site: Site, monkeypatch: pytest.MonkeyPatch, entries: list[dict[str, object]], reason: str
) -> None:
    monkeypatch.setattr(referrers, "MOST", 4)
    headers = {"Content-Type": INDEX_TYPE, "Link": "<?again>; rel=next"}
    site.proxy.answer(200, path="/referrers/", headers=headers, body=index(entries), times=99)
    with pytest.raises(Refused, match=reason):
        site.bundles()


def test_no_more_is_attached_than_would_be_read(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(referrers, "MOST", 2)
    for bundle in (b"{1}", b"{2}"):
        site.attach(bundle)
    with pytest.raises(Refused, match="more than 2 manifests refer to"):
        site.attach(b"{3}")
    assert sorted(site.bundles()) == [b"{1}", b"{2}"]


def test_evidence_that_is_too_large_altogether_is_refused(site: Site) -> None:
    bundle = descriptor(BUNDLE_TYPE, b"foreign") | {"size": 300 * 1024 * 1024}
    listed = site.referrer(site.subject, bundle)
    entry = descriptor(MANIFEST_TYPE, listed)
    site.proxy.answer(200, path="/referrers/", headers={"Content-Type": INDEX_TYPE}, body=index([entry]))
    site.proxy.answer(200, path=f"/manifests/{digest_of(listed)}", body=listed)
    with pytest.raises(Refused, match="too large to be read"):
        site.bundles()


def test_an_entry_that_another_writer_undid_is_written_again(site: Site) -> None:
    theirs = site.write(site.referrer(site.subject, descriptor(BUNDLE_TYPE, b"foreign")))
    # The second look at the tag is the one after our write: just before it, a writer that had read earlier writes.
    site.proxy.delay(0, method="GET", path=f"/manifests/{site.tag}")
    site.proxy.before(lambda: site.write_index(theirs), method="GET", path=f"/manifests/{site.tag}")
    site.attach(b"ours")
    assert sorted(site.bundles()) == [b"foreign", b"ours"]
    assert site.proxy.count("PUT", f"/manifests/{site.tag}") == 2


def test_a_writer_that_is_undone_for_ever_gives_up_in_the_end(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(referrers, "_ATTEMPTS", 4)
    site.proxy.before(site.write_index, method="GET", path=f"/manifests/{site.tag}", times=99)
    with pytest.raises(Transient, match="keep undoing the listing"):
        site.attach(b"ours")
    assert site.proxy.count("PUT", f"/manifests/{site.tag}") == 4


def test_attaching_from_several_processes_at_once_loses_nothing(plain_registry: RealRegistry, site: Site) -> None:
    names, count = ("ada", "bert", "cleo", "dora"), 5
    command = [sys.executable, "-m", "tests.contract.attacher", plain_registry.address, site.repository, site.subject]
    started = [subprocess.Popen([*command, name, str(count)]) for name in names]
    assert [process.wait() for process in started] == [0] * len(names)
    assert sorted(site.bundles()) == sorted(f"{name} {number}".encode() for name in names for number in range(count))


def test_a_copy_mounts_blobs_where_the_registry_can_and_sends_them_where_it_cannot(any_site: Site) -> None:
    any_site.attach(b"{}")
    any_site.proxy.forget()
    target = f"{any_site.repository}/prod"
    any_site.registry.copy(any_site.repository, any_site.subject, target)
    assert any_site.registry.bundles(target, any_site.subject) == (b"{}",)
    sent = any_site.proxy.count("PUT", "/blobs/uploads/")
    assert (sent == 0) != any_site.real.has_referrers_api


def test_an_upload_opened_in_place_of_a_mount_is_given_up(site: Site) -> None:
    target = f"{site.repository}/prod"
    assert site.registry.mount(site.repository, digest_of(b"nowhere"), target) is False
    assert [one.status for one in site.proxy.seen if one.method == "DELETE"] == [204]
    site.registry.push_artifact(site.repository, KIND, b"here", [], {})
    assert site.registry.mount(site.repository, digest_of(b"here"), target) is True
    assert site.registry.blob(target, digest_of(b"here")) == b"here"


def test_an_index_is_copied_with_every_manifest_in_it(any_site: Site) -> None:
    if any_site.real.tokens is not None:
        return  # the other tool of `Site.write` has no token
    parts = [any_site.registry.push_artifact(any_site.repository, KIND, name, [], {}) for name in (b"amd64", b"arm64")]
    stored = [any_site.registry.manifest(any_site.repository, part) for part in parts]
    content = index([descriptor(part.media_type, part.content) for part in stored if part])
    any_site.write(content, "", INDEX_TYPE)
    target = f"{any_site.repository}/prod"
    any_site.registry.copy(any_site.repository, digest_of(content), target)
    copied = any_site.registry.manifest(target, digest_of(content))
    assert copied is not None
    assert (copied.media_type, copied.content) == (INDEX_TYPE, content)
    assert any_site.registry.blob(target, digest_of(b"arm64")) == b"arm64"
