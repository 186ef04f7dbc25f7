"""What the recording target's log proves: how often each place was written, and whether two were ever in it at once."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Place = tuple[str, str]
"""Service and environment."""


@dataclass
class Proof:
    """The log, read from its beginning to its end."""

    writes: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """How often each release was written, by service, environment and release."""
    overlaps: list[str] = field(default_factory=list)
    """Holders that entered while another one, which nobody had shut out, was in."""
    unfenced: list[str] = field(default_factory=list)
    """Writes under a fence that was not the highest the place had seen: there must be none."""
    died_inside: int = 0
    """Holders whose process died between entering and leaving."""
    died_before_writing: int = 0
    taken_over: int = 0
    """Holders that were alive, but silent for longer than their lease, when a higher fence came in."""
    late: int = 0
    """Writes of such holders, refused."""
    first: float = 0.0
    last: float = 0.0
    """Seconds of the target's clock, of the first entering and the last leaving."""

    def enters(self, place: Place, fence: int, inside: Sequence[int], highest: int) -> None:
        """A holder under a fence comes in; fences of those that are in, and the highest that was seen there."""
        for other in inside:
            if other >= fence:
                self.overlaps.append(f"{place}: fence {fence} entered while {other} was in")
            else:
                self.taken_over += 1
        if fence < highest:
            self.unfenced.append(f"{place}: fence {fence} entered after {highest}")


def read(log: Path) -> Proof:
    """The proof; a line that contradicts the ones before it is told in `overlaps` or `unfenced`."""
    proof = Proof()
    inside: dict[Place, dict[int, dict[str, Any]]] = defaultdict(dict)
    seen: dict[Place, int] = defaultdict(int)
    for line in log.read_text().splitlines():
        entry = json.loads(line)
        place = entry["service"], entry["environment"]
        holders = inside[place]
        proof.last = entry["at"]
        proof.first = proof.first or entry["at"]
        match entry["what"]:
            case "enter":
                proof.enters(place, entry["fence"], [other["fence"] for other in holders.values()], seen[place])
                seen[place] = max(seen[place], entry["fence"])
                holders[entry["connection"]] = {**entry, "written": False}
            case "write":
                proof.writes[*place, entry["release"]] += 1
                if entry["fence"] != seen[place] or entry["connection"] not in holders:
                    proof.unfenced.append(f"{place}: written under fence {entry['fence']}, the highest is {seen[place]}")
                holders[entry["connection"]]["written"] = True
            case "refused" if entry["late"]:
                proof.late += 1
                holders.pop(entry["connection"], None)
            case "gone":
                proof.died_inside += 1
                proof.died_before_writing += not holders.pop(entry["connection"])["written"]
            case "leave":
                holders.pop(entry["connection"], None)
    return proof
