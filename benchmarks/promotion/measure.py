"""Promoting a 200 MB image between two repositories of one registry, by our copy and by `skopeo copy`, in turn.

    make bench-promotion           # or: python -m benchmarks.promotion.measure --megabytes 200 --rounds 7

The image is random, so nothing compresses it; each round copies it into a repository that was never there before. Ours brings
the image's evidence along, which skopeo leaves behind. Measured besides ours and skopeo's as it comes, with nothing known from
before: skopeo with the cache that it writes as it copies, from which it learns where a blob can be mounted from; ours of
an image without evidence; and ours with a Python started for this one copy, as no promotion pays for it: its flow run is forked
with the library in memory.
Times are of copies straight to the registry. Bytes are counted by a relay in between, in further copies that are not timed.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.promotion.relay import Relay
from pratique.clients.ports import LayerFile, OciImage
from pratique.clients.registry import OciRegistry, open_registry
from pratique.local.process import Processes, free_port
from pratique.local.registry import start_registry
from pratique.settings import RegistrySettings
from pratique.values.digest import Digest, canonical_json, digest_of

BAR = 0.3
MEGABYTE = 1_000_000
SOURCE, BARE = "hello/images/web", "hello/images/bare"
"""The image with its evidence, and without."""
WITH_EVIDENCE = ("ours", "ours by itself")
LAYERS = 4
EVIDENCE = 2
"""Its signature and its provenance."""
NOBODY = 65534
"""As root skopeo keeps its cache in one place of the machine, which is not ours to empty."""
_BY_ITSELF = """
import sys
from pratique.clients.registry import open_registry
from pratique.settings import RegistrySettings
with open_registry(RegistrySettings(address=sys.argv[1], plain_http=True), None) as registry:
    registry.copy(sys.argv[2], sys.argv[3], sys.argv[4])
"""


class Bench:
    """A registry of its own with one image in it, and the ways to copy that."""

    def __init__(self, folder: Path, address: str, megabytes: int) -> None:
        self.folder, self.address = folder, address
        with self.registry() as registry:
            made = image(folder, megabytes)
            self.digest = registry.push_image(SOURCE, made, lambda _: None)
            registry.push_image(BARE, made, lambda _: None)
            for number in range(EVIDENCE):
                registry.attach(SOURCE, self.digest, os.urandom(4000), f"bench-{number}", datetime(2026, 1, 1, tzinfo=UTC))
        self._targets = 0

    @contextmanager
    def registry(self, address: str = "") -> Iterator[OciRegistry]:
        with open_registry(RegistrySettings(address=address or self.address, plain_http=True), None) as registry:
            yield registry

    def target(self) -> str:
        """A repository that nobody has seen yet."""
        self._targets += 1
        return f"prod-{self._targets}/{SOURCE}"

    # The ways; each copies through `address`, and says where to.

    def ours(self, address: str) -> str:
        target = self.target()
        with self.registry(address) as registry:
            registry.copy(SOURCE, self.digest, target)
        return target

    def ours_without_evidence(self, address: str) -> str:
        target = self.target()
        with self.registry(address) as registry:
            registry.copy(BARE, self.digest, target)
        return target

    def ours_by_itself(self, address: str) -> str:
        target = self.target()
        subprocess.run([sys.executable, "-c", _BY_ITSELF, address, SOURCE, self.digest, target], check=True)
        return target

    def skopeo(self, address: str) -> str:
        cache = Path(tempfile.mkdtemp(dir=self.folder))
        try:
            return self._skopeo(address, cache)
        finally:
            shutil.rmtree(cache)

    def skopeo_that_remembers(self, address: str) -> str:
        # What it remembers is a registry's address and a repository there, so the relay has a memory of its own.
        cache = self.folder / f"memory-{address.replace(':', '-')}"
        cache.mkdir(exist_ok=True)
        return self._skopeo(address, cache)

    def _skopeo(self, address: str, cache: Path) -> str:
        target = self.target()
        as_whom: dict[str, Any] = {}
        if os.geteuid() == 0:
            os.chown(cache, NOBODY, NOBODY)
            as_whom = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        subprocess.run(
            [
                *(
                    "skopeo",
                    "--insecure-policy",
                    "copy",
                    "--quiet",
                    "--preserve-digests",
                    "--src-tls-verify=false",
                    "--dest-tls-verify=false",
                ),
                f"docker://{address}/{SOURCE}@{self.digest}",
                f"docker://{address}/{target}",
            ],
            check=True,
            env={"PATH": os.environ["PATH"], "HOME": str(cache), "XDG_DATA_HOME": str(cache), "TMPDIR": str(cache)},
            **as_whom,
        )
        return target

    def require_copied(self, target: str, evidence: int) -> None:
        """The target holds the same manifest and as much evidence; a registry takes no manifest whose blobs it has not."""
        with self.registry() as registry:
            if registry.manifest(target, self.digest) is None:
                sys.exit(f"{target} does not hold {self.digest}")
            if len(registry.bundles(target, self.digest)) != evidence:
                sys.exit(f"{target} does not hold the evidence of {self.digest}")


def image(folder: Path, megabytes: int) -> OciImage:
    """An image of so many megabytes of random content."""
    layers = []
    for number in range(LAYERS):
        file = folder / f"layer-{number}"
        # As images are: skopeo would compress what is not, and that would be another image.
        content = gzip.compress(os.urandom(megabytes * MEGABYTE // LAYERS), compresslevel=1)
        file.write_bytes(content)
        media_type = "application/vnd.oci.image.layer.v1.tar+gzip"
        layers.append(LayerFile(media_type=media_type, digest=digest_of(content), size=len(content), file=file))
    contents: list[Digest] = [layer.digest for layer in layers]
    config = {"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": contents}}
    return OciImage(config=canonical_json(config), layers=tuple(layers), annotations={})


def main() -> None:
    """Measure, print, and write the figures to `--json`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path, help="write the figures there, too")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = Path(tempfile.mkdtemp(prefix="pratique-bench-"))
    folder.chmod(0o755)  # for skopeo's cache
    processes = Processes(folder / "processes")
    try:
        bench = Bench(folder, start_registry(processes, folder / "registry", free_port()), asked.megabytes)
        figures = measure(bench, asked.rounds)
    finally:
        processes.stop("registry")
        shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(figures, indent=2, ensure_ascii=False))
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=2, ensure_ascii=False))


def measure(bench: Bench, rounds: int) -> dict[str, Any]:
    """Every figure, and whether the bars are met."""
    ways: dict[str, Callable[[str], str]] = {
        "ours": bench.ours,
        "skopeo": bench.skopeo,
        "skopeo that remembers": bench.skopeo_that_remembers,
        "ours without evidence": bench.ours_without_evidence,
        "ours by itself": bench.ours_by_itself,
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    load = os.getloadavg()[0]
    for number in range(rounds + 1):
        for name, copy in ways.items():
            started = time.monotonic()
            target = copy(bench.address)
            took = time.monotonic() - started
            bench.require_copied(target, EVIDENCE if name in WITH_EVIDENCE else 0)
            # In the first round everything is done for the first time: files read, code loaded, the memory written.
            if number:
                seconds[name].append(took)
    crossed = {}
    for name, copy in ways.items():
        with Relay(bench.address) as relay:
            if name == "skopeo that remembers":
                copy(relay.address)
                relay.forget()
            copy(relay.address)
            crossed[name] = {"to the client": relay.to_client, "from the client": relay.from_client}
    ratios = {name: [ours / theirs for ours, theirs in zip(seconds["ours"], seconds[name], strict=True)] for name in ways}
    return {
        "load before": round(load, 1),
        "load after": round(os.getloadavg()[0], 1),
        "rounds": rounds,
        "seconds": {name: spread(found) for name, found in seconds.items()},
        "ours ÷ it, round by round": {name: spread(ratios[name]) for name in ways if name != "ours"},
        "bytes": crossed,
        f"ours ÷ skopeo ≤ {BAR}": "met" if statistics.median(ratios["skopeo"]) <= BAR else "missed",
        "no layer bytes": "met" if sum(crossed["ours"].values()) < MEGABYTE else "missed",
    }


def spread(found: list[float]) -> dict[str, float]:
    """Median, least and most."""
    return {"median": round(statistics.median(found), 3), "least": round(min(found), 3), "most": round(max(found), 3)}


if __name__ == "__main__":
    main()
