"""Policies as files: those that ship, those of the operator's folders, and those that a release brings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pratique.errors import Invalid
from pratique.values.gate import Module, Origin

SHIPPED = Path(__file__).parents[2] / "policies"
"""Beside `flows/` and `tasks/`, in a checkout and where a wheel is installed alike."""


def shipped_modules() -> tuple[Module, ...]:
    """The default set, with its tests."""
    return _folder(SHIPPED, "pratique", SHIPPED.name)


def operator_modules(folders: Sequence[Path]) -> tuple[Module, ...]:
    """Every policy below the operator's folders; `Invalid` for a folder that is not there or holds none."""
    return tuple(module for folder in folders for module in _folder(folder, "operator", str(folder)))


def service_modules(files: Mapping[str, str]) -> tuple[Module, ...]:
    """The policies among a release's files, path to text, by their paths."""
    return tuple(
        Module(path=path, text=text, origin="service") for path, text in sorted(files.items()) if path.endswith(".rego")
    )


def shipped_gates() -> frozenset[str]:
    """The gates that must say something in every verdict: one for each file that ships."""
    return frozenset(
        Path(module.path).stem.replace("_", "-") for module in shipped_modules() if not module.path.endswith("_test.rego")
    )


def _folder(folder: Path, origin: Origin, named: str) -> tuple[Module, ...]:
    remedy = "name a folder with *.rego files" if origin == "operator" else "install Pratique again"
    if not folder.is_dir():
        raise Invalid(named, "is no folder of policies", remedy)
    found: list[Module] = []
    for file in sorted(folder.rglob("*.rego")):
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise Invalid(str(file), f"cannot be read: {error}", "mend it") from None
        found.append(Module(path=f"{named}/{file.relative_to(folder).as_posix()}", text=text, origin=origin))
    if not found:
        raise Invalid(named, "holds no policies", remedy)
    return tuple(found)
