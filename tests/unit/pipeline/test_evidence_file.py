"""The evidence file: the same bytes from the same evidence, verified with sockets closed, and no byte of it can be changed."""

from __future__ import annotations

import io
import json
import random
import re
import socket
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest_socket import SocketBlockedError

from pratique.clients.evidence_file import read_evidence_file
from pratique.clients.sigstore import OfflineEvidenceVerifier
from pratique.clients.sigstore.portable import carry, unpack
from pratique.decisions.evidence_file import read_layout, write_layout
from pratique.errors import Refused
from pratique.pipeline.exporting import Verified, collect, policies_artifact, trust_artifact, verify_file
from pratique.values.digest import canonical_json, digest_of
from pratique.values.people import People, Person
from pratique.values.trust import TrustedIdentity, TrustedKey
from pratique.values.trust_material import PlaceTrust, TrustMaterial
from tests.fakes.evidenced import Evidenced, evidenced, key
from tests.fakes.registry import FakeRegistry

POLICIES = {"gates/soak.rego": "package pratique.soak\n", "hello/own.rego": "package hello\n"}
BLOCK = tarfile.BLOCKSIZE


def export(found: Evidenced, registry: FakeRegistry | None = None) -> bytes:
    own = [trust_artifact(found.material), policies_artifact(POLICIES)]
    return collect(registry or found.in_registry(), found.stored, own).written()


WHOLE = evidenced()
FILE = export(WHOLE)


def verify(content: bytes) -> Verified:
    return verify_file(content, OfflineEvidenceVerifier())


def test_twice_exported_the_bytes_are_the_same_whatever_came_first() -> None:
    names = list(WHOLE.attached)
    for seed in range(5):
        random.Random(seed).shuffle(names)  # noqa: S311  # an order, no secret
        assert export(WHOLE, WHOLE.in_registry(names)) == FILE
    shuffled = dict(reversed(POLICIES.items()))
    own = [policies_artifact(shuffled), trust_artifact(WHOLE.material)]
    assert collect(WHOLE.in_registry(), WHOLE.stored, own).written() == FILE


def test_it_is_verified_with_nobody_to_ask() -> None:
    with pytest.raises(SocketBlockedError), pytest.warns(UserWarning, match="tried to use socket"):
        socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    found = verify(FILE)
    assert found.proof.problems == ()
    assert found.proof == WHOLE.prove(), "a file is judged as a registry is"
    assert found.stored == WHOLE.stored


def test_what_was_exported_from_a_file_is_that_file() -> None:
    file, _, _ = read_evidence_file(FILE)
    again = collect(file, WHOLE.stored, [trust_artifact(WHOLE.material), policies_artifact(POLICIES)])
    assert again.written() == FILE


def test_others_read_it_as_an_oci_image_layout() -> None:
    with tarfile.open(fileobj=io.BytesIO(FILE), mode="r:") as tar:
        files = {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]
        assert {(member.mtime, member.uid, member.gid, member.mode, member.uname) for member in tar.getmembers()} == {
            (0, 0, 0, 0o644, "")
        }
    assert json.loads(files["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    index = json.loads(files["index.json"])
    assert index["mediaType"] == "application/vnd.oci.image.index.v1+json"
    assert index["annotations"]["dev.pratique.left-out"].startswith("the layers of images")
    listed = {entry["digest"]: entry for entry in index["manifests"]}
    for digest, entry in listed.items():
        content = files[f"blobs/sha256/{digest[7:]}"]
        assert (digest_of(content), len(content)) == (digest, entry["size"])
    below = {
        part["digest"]
        for digest in listed
        for document in [json.loads(files[f"blobs/sha256/{digest[7:]}"])]
        for part in [document["config"], *document["layers"]]
    }
    assert {f"sha256:{name[13:]}" for name in files if name.startswith("blobs/")} == {*listed, *below}


def test_policies_are_inside_as_they_were_written() -> None:
    _, _, blobs = read_evidence_file(FILE)
    assert {text.encode() for text in POLICIES.values()} <= set(blobs.values())


# Every byte.

HEADERS = [match.start() for match in re.finditer(rb"(?:blobs/sha256/[0-9a-f]{64}|index\.json|oci-layout)\0", FILE)]
ENTRIES = [start for start in HEADERS if start % BLOCK == 0]
OFFSETS = sorted({*(start + byte for start in ENTRIES for byte in range(0, BLOCK, 8)), *range(0, len(FILE), 61), len(FILE) - 1})


def refusal(content: bytes) -> str:
    with pytest.raises(Refused) as refused:
        verify(content)
    return str(refused.value)


def places(reason: str) -> tuple[int, int] | None:
    told = re.search(r"bytes (\d+) to (\d+): ", reason)
    return (int(told[1]), int(told[2])) if told else None


def test_a_byte_changed_anywhere_is_found_and_its_place_told() -> None:
    assert len(OFFSETS) > 2000
    inside = {"index.json": entry("index.json"), "oci-layout": entry("oci-layout")}
    for offset in OFFSETS:
        changed = FILE[:offset] + bytes([FILE[offset] ^ (1 << offset % 8)]) + FILE[offset + 1 :]
        reason = refusal(changed)
        told = places(reason)
        if told is None:
            name = reason.partition(":")[0].partition(",")[0]
            start, end = inside[name]
            assert start <= offset < end, f"byte {offset}: {reason}"
        else:
            assert told[0] <= offset <= told[1], f"byte {offset}: {reason}"


def entry(name: str) -> tuple[int, int]:
    """From where to where the content of an entry is."""
    with tarfile.open(fileobj=io.BytesIO(FILE), mode="r:") as tar:
        member = tar.getmember(name)
        return member.offset_data, member.offset_data + member.size


def test_the_index_is_what_the_rest_says_byte_by_byte() -> None:
    start, end = entry("index.json")
    for offset in range(start, end, 17):
        changed = FILE[:offset] + bytes([FILE[offset] ^ (1, 0x20, 0x80)[offset % 3]]) + FILE[offset + 1 :]
        assert refusal(changed).startswith("index.json"), f"byte {offset}"


# Named: the file is signed anew in each process, and so are its bytes and sometimes its length.
@pytest.mark.parametrize(
    "length",
    [0, 1, BLOCK - 1, BLOCK, len(FILE) // 2, len(FILE) - BLOCK, len(FILE) - 1],
    ids=["nothing", "a byte", "less than a block", "a block", "half", "a block less", "a byte less"],
)
def test_a_file_that_was_cut_off_is_refused(length: int) -> None:
    assert re.search(r"cut off|none that an evidence file has|no entry", refusal(FILE[:length]))


@pytest.mark.parametrize(
    "more",
    [b"\0", b"x", bytes(BLOCK), bytes(tarfile.RECORDSIZE), FILE],
    ids=["a zero", "a byte", "an empty block", "an empty record", "the file once more"],
)
def test_nothing_may_be_behind_its_end(more: bytes) -> None:
    assert f"bytes {len(FILE)} to {len(FILE) + len(more) - 1}: something was put behind the end" in refusal(FILE + more)


def entries(content: bytes) -> list[bytes]:
    """Header, content and padding of each entry."""
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as tar:
        members = tar.getmembers()
    return [content[member.offset : member.offset_data + member.size + -member.size % BLOCK] for member in members]


def joined(parts: list[bytes]) -> bytes:
    whole = b"".join(parts) + bytes(2 * BLOCK)
    return whole + bytes(-len(whole) % tarfile.RECORDSIZE)


def other_entry(name: str, content: bytes = b"x", **fields: object) -> bytes:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    for field, value in fields.items():
        setattr(member, field, value)
    return member.tobuf(tarfile.USTAR_FORMAT) + content + bytes(-len(content) % BLOCK)


REARRANGED: dict[str, tuple[Callable[[list[bytes]], list[bytes]], str]] = {
    "swapped": (lambda parts: [parts[1], parts[0], *parts[2:]], "is there twice, or not in its order"),
    "doubled": (lambda parts: [parts[0], *parts], "is there twice, or not in its order"),
    "the index doubled": (lambda parts: [*parts[:-1], parts[-2], parts[-1]], "is there twice, or not in its order"),
    "one left out": (lambda parts: parts[1:], "index.json"),
    "the index left out": (
        lambda parts: [part for part in parts if not part.startswith(b"index")],
        "has no entry 'index.json'",
    ),
    "one more blob": (
        lambda parts: sorted([*parts, other_entry(f"blobs/sha256/{digest_of(b'x')[7:]}")]),
        "nothing in the file needs it",
    ),
    "one more file": (lambda parts: [other_entry("README"), *parts], "none that an evidence file has"),
    "a path that leads out": (lambda parts: [other_entry("../../etc/passwd"), *parts], "none that an evidence file has"),
    "an absolute path": (lambda parts: [other_entry("/etc/passwd"), *parts], "none that an evidence file has"),
    "a blob's path that leads out": (
        lambda parts: [other_entry(f"blobs/sha256/../{'0' * 61}"), *parts],
        "none that an evidence file has",
    ),
    "a link": (
        lambda parts: [other_entry(f"blobs/sha256/{'0' * 64}", b"", type=tarfile.SYMTYPE, linkname="/etc/passwd"), *parts],
        "none that an evidence file has",
    ),
    "a folder": (lambda parts: [other_entry("blobs/", b"", type=tarfile.DIRTYPE), *parts], "none that an evidence file has"),
    "a time": (lambda parts: [other_entry(f"blobs/sha256/{'0' * 64}", mtime=1), *parts], "none that an evidence file has"),
    "an owner": (
        lambda parts: [other_entry(f"blobs/sha256/{'0' * 64}", uname="ada"), *parts],
        "none that an evidence file has",
    ),
}


@pytest.mark.parametrize("case", REARRANGED)
def test_entries_that_were_rearranged_or_added_are_refused(case: str) -> None:
    rearrange, reason = REARRANGED[case]
    assert joined(entries(FILE)) == FILE
    assert reason in refusal(joined(rearrange(entries(FILE))))


@given(st.binary(max_size=2000))
@settings(deadline=None)
def test_anything_else_is_refused_and_nothing_else_happens(content: bytes) -> None:
    with pytest.raises(Refused):
        verify(content)


@given(st.lists(st.binary(max_size=1500), max_size=5), st.binary(max_size=900))
@settings(deadline=None)
def test_what_is_written_is_read(contents: list[bytes], index: bytes) -> None:
    blobs = {digest_of(content): content for content in contents}
    written = write_layout(index, blobs)
    assert read_layout(written) == (index, blobs)
    assert len(written) % tarfile.RECORDSIZE == 0


# What is written anew, whole and consistent, is another evidence file: what it says is still judged.


def rewritten(change: Callable[[Evidenced], None]) -> bytes:
    found = evidenced()
    change(found)
    return export(found)


def test_a_file_without_a_grant_is_another_one_and_says_what_is_missing() -> None:
    content = rewritten(lambda found: found.attached.pop("grant of staging"))
    assert "of staging, which is not there or does not count" in " ".join(verify(content).proof.problems)


def test_a_file_without_what_was_replaced_says_so() -> None:
    found = evidenced()
    registry = found.in_registry([name for name in found.attached if not name.startswith("earlier")])
    problems = verify(export(found, registry)).proof.problems
    assert "that it replaces: the file holds no blob" in " ".join(problems)


# Trust.


def test_the_trust_inside_is_named_and_another_one_is_demanded() -> None:
    inside = verify(FILE).trust
    assert inside == trust_artifact(WHOLE.material).manifest.digest
    assert verify_file(FILE, OfflineEvidenceVerifier(), trust=inside).proof.verified
    with pytest.raises(Refused, match=f"the trust material inside is {inside}, not {digest_of(b'x')}"):
        verify_file(FILE, OfflineEvidenceVerifier(), trust=digest_of(b"x"))


def test_ones_own_trust_is_used_instead_where_it_is_given() -> None:
    assert verify_file(FILE, OfflineEvidenceVerifier(), material=WHOLE.material).proof.verified
    places = {name: PlaceTrust(trust=(key("stranger"),)) for name in ("dev", "staging", "prod")}
    mine = TrustMaterial(environments=places)
    problems = " ".join(verify_file(FILE, OfflineEvidenceVerifier(), material=mine).proof.problems)
    assert "hello/releases@" in problems
    assert "is not signed by anyone whom 'dev' trusts" in problems


def test_trust_is_carried_with_the_files_that_it_names(tmp_path: Path) -> None:
    pem, root = tmp_path / "key.pem", tmp_path / "trusted_root.json"
    pem.write_text(key("pipeline").pem)
    root.write_text("{}")
    identity = TrustedIdentity(identity="ada@example.test", issuer="https://issuer.test", trusted_root=root)
    material = TrustMaterial(
        environments={"dev": PlaceTrust(trust=(TrustedKey(file=pem), identity))},
        people=People(persons={"ada": Person(trust=(identity,))}),
    )
    carried = carry(material)
    assert str(tmp_path) not in carried.document.decode()
    pem.unlink()
    root.unlink()
    with unpack(carried) as found:
        first, second = found.environments["dev"].trust
        assert first == TrustedKey(pem=key("pipeline").pem)
        assert isinstance(second, TrustedIdentity)
        assert second.trusted_root is not None
        assert second.trusted_root.read_text() == "{}"
        assert found.people.persons["ada"].trust == (second,)
    assert not second.trusted_root.exists()


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (b"{", "cannot be read"),
        (
            canonical_json({"environments": {"dev": {"trust": [{"kind": "key", "file": "/etc/passwd"}]}}}),
            "names the file /etc/passwd",
        ),
        (
            canonical_json({"environments": {"dev": {"trust": [{"kind": "identity", "identity": "a", "issuer": "b"}]}}}),
            "lacks the trusted root of a",
        ),
    ],
)
def test_trust_that_would_reach_for_the_machines_own_files_is_refused(document: bytes, reason: str) -> None:
    carried = carry(TrustMaterial())._replace(document=document)
    with pytest.raises(Refused, match=reason), unpack(carried):
        pass


def test_a_file_that_trust_names_and_nobody_has_is_told(tmp_path: Path) -> None:
    missing = TrustMaterial(environments={"dev": PlaceTrust(trust=(TrustedKey(file=tmp_path / "missing.pem"),))})
    with pytest.raises(Refused, match="cannot be read: No such file or directory"):
        carry(missing)
