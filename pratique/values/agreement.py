"""Whether the parts of a manifest agree: names that are used exist, environments form a DAG, placeholders are known."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from pratique.values.checks import Check
from pratique.values.dag import circle
from pratique.values.overlays import EnvironmentSection, merged
from pratique.values.placeholders import placeholder_problem
from pratique.values.problems import KEY, Path, Problems

if TYPE_CHECKING:  # the manifest calls this module while it validates itself
    from pratique.values.manifest import Manifest

LONGEST_PLACE = 53
"""Letters of service and environment together: `pratique-<service>-<environment>` is a DNS label (63, RFC 1035)."""


def require_agreement(manifest: Manifest) -> None:
    """Raise one `ValidationError` that names every disagreement at its key."""
    problems = Problems()
    _names_are_given_once(manifest, problems)
    _workload_has_an_image(manifest, problems)
    _environments_form_a_dag(manifest.environments, problems)
    for name, section in manifest.environments.items():
        _overlay_fits(manifest, name, section, problems)
    _placeholders_are_known(manifest, problems)
    problems.require_none("Manifest")


def _names_are_given_once(manifest: Manifest, problems: Problems) -> None:
    _once([image.name for image in manifest.images], "image", ("images",), "name", problems)
    _once([stack.stack for stack in manifest.infrastructure], "stack", ("infrastructure",), "stack", problems)
    _once([check.name for check in manifest.checks], "check", ("checks",), "name", problems)
    for name, section in manifest.environments.items():
        _once([check.name for check in section.checks], "check", ("environments", name, "checks"), "name", problems)
    for variable in sorted(manifest.workload.variables.keys() & manifest.workload.secrets.keys()):
        problems.add(("workload", "secrets", variable, KEY), f"{variable} is a variable as well", "keep one of the two")


def _once(names: Sequence[str], kind: str, path: Path, key: str, problems: Problems) -> None:
    for index, name in enumerate(names):
        if name in names[:index]:
            problems.add((*path, index, key), f"{kind} {name!r} is defined twice", f"give each {kind} its own name")


def _workload_has_an_image(manifest: Manifest, problems: Problems) -> None:
    images = [image.name for image in manifest.images]
    if manifest.workload.image not in images:
        problems.add(("workload", "image"), f"there is no image {manifest.workload.image!r}", _known(images))


def _environments_form_a_dag(environments: Mapping[str, EnvironmentSection], problems: Problems) -> None:
    complete = True
    for name, section in environments.items():
        for index, upstream in enumerate(section.after):
            path: Path = ("environments", name, "after", index)
            if upstream not in environments:
                complete = False
                problems.add(path, f"there is no environment {upstream!r}", _known(environments))
            if upstream in section.after[:index]:
                problems.add(path, f"{upstream!r} is named twice", "name each upstream environment once")
    # A circle is looked for once every name is known: the sorter would invent the missing ones.
    if complete and (waiting := circle({name: section.after for name, section in environments.items()})):
        path = ("environments", waiting[1], "after")
        problems.add(path, f"environments wait for each other: {' → '.join(waiting)}", "remove one `after`")


def _overlay_fits(manifest: Manifest, name: str, section: EnvironmentSection, problems: Problems) -> None:
    here: Path = ("environments", name)
    if len(manifest.service) + len(name) > LONGEST_PLACE:
        remedy = f"shorten one: {LONGEST_PLACE} letters are the most that fit both into a DNS label"
        problems.add((*here, KEY), f"{manifest.service!r} and {name!r} together are too long", remedy)
    stacks = {stack.stack: stack for stack in manifest.infrastructure}
    for stack, overlay in section.infrastructure.items():
        path: Path = (*here, "infrastructure", stack)
        if stack not in stacks:
            problems.add((*path, KEY), f"there is no stack {stack!r}", _known(stacks))
        else:
            _removes_what_is_there(overlay.parameters, stacks[stack].parameters, (*path, "parameters"), problems)
    workload = section.workload
    _removes_what_is_there(workload.variables, manifest.workload.variables, (*here, "workload", "variables"), problems)
    _removes_what_is_there(workload.secrets, manifest.workload.secrets, (*here, "workload", "secrets"), problems)
    if not manifest.workload.variables.keys() & manifest.workload.secrets.keys():
        both = merged(manifest.workload.variables, workload.variables).keys() & (
            merged(manifest.workload.secrets, workload.secrets).keys()
        )
        for variable in sorted(both):
            kind, other = ("secrets", "variable") if variable in workload.secrets else ("variables", "secret")
            path = (*here, "workload", kind, variable, KEY)
            problems.add(path, f"{variable} is a {other} as well", f"keep one of the two, or take the {other} away with null")


def _removes_what_is_there(
    overlay: Mapping[str, object | None], base: Mapping[str, object], path: Path, problems: Problems
) -> None:
    for key, value in overlay.items():
        if value is None and key not in base:
            problems.add((*path, key), f"null takes {key} away, which the service does not set", "remove the line")


def _placeholders_are_known(manifest: Manifest, problems: Problems) -> None:
    stacks = [stack.stack for stack in manifest.infrastructure]
    for index, image in enumerate(manifest.images):
        # An image is built once and serves every environment, so there is nothing that a placeholder could stand for.
        _each_known(image.args, ("images", index, "args"), (), (), problems)
    for index, stack in enumerate(manifest.infrastructure):
        _each_known(stack.parameters, ("infrastructure", index, "parameters"), ("environment",), (), problems)
    _each_known(manifest.workload.variables, ("workload", "variables"), ("environment",), stacks, problems)
    _checks_know(manifest.checks, ("checks",), problems)
    for name, section in manifest.environments.items():
        here: Path = ("environments", name)
        _each_known(section.workload.variables, (*here, "workload", "variables"), ("environment",), stacks, problems)
        for changed, overlay in section.infrastructure.items():
            path = (*here, "infrastructure", changed, "parameters")
            _each_known(overlay.parameters, path, ("environment",), (), problems)
        _checks_know(section.checks, (*here, "checks"), problems)


def _checks_know(checks: Sequence[Check], path: Path, problems: Problems) -> None:
    for index, check in enumerate(checks):
        if check.http is not None:
            _each_known({"path": check.http.path}, (*path, index, "http"), ("environment",), (), problems)
            contains = {"contains": check.http.contains}
            _each_known(contains, (*path, index, "http"), ("commit", "environment"), (), problems)


def _each_known(
    texts: Mapping[str, str | None], path: Path, known: Collection[str], stacks: Collection[str], problems: Problems
) -> None:
    for key, text in texts.items():
        if text is not None and (problem := placeholder_problem(text, known, stacks)):
            spelled = [f"${{{name}}}" for name in known] + [f"${{{stack}.<Output>}}" for stack in stacks]
            remedy = _known(spelled) if spelled else "write the text itself: an image is built once, for all environments"
            problems.add((*path, key), problem, remedy)


def _known(names: Iterable[str]) -> str:
    return f"known here: {', '.join(names) or 'none'}"
