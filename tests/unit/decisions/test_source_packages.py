from __future__ import annotations

from typing import Any

import pytest

from pratique.decisions.source_packages import by_source


def component(name: str, version: str, purl: str) -> dict[str, Any]:
    return {"type": "library", "name": name, "version": version, "purl": purl}


@pytest.mark.parametrize(
    ("purl", "name", "version", "renamed"),
    [
        (
            "pkg:deb/debian/zlib1g@1:1.2.13?arch=amd64&distro=debian-12&upstream=zlib",
            *("zlib", "1:1.2.13", "pkg:deb/debian/zlib@1:1.2.13?distro=debian-12"),
        ),
        (
            "pkg:deb/debian/libgcc-s1@12.2.0-14?arch=amd64&upstream=gcc-12%4012.2.0-13&distro=debian-12",
            *("gcc-12", "12.2.0-13", "pkg:deb/debian/gcc-12@12.2.0-13?distro=debian-12"),
        ),
        (
            "pkg:deb/debian/libstdc%2B%2B6@12.2?upstream=gcc%2B%2B&distro=debian-12",
            *("gcc++", "12.2", "pkg:deb/debian/gcc%2B%2B@12.2?distro=debian-12"),
        ),
        (
            "pkg:apk/alpine/libssl3@3.1.4-r0?arch=x86_64&upstream=openssl&distro=alpine-3.18",
            *("openssl", "3.1.4-r0", "pkg:apk/alpine/openssl@3.1.4-r0?distro=alpine-3.18"),
        ),
        (
            "pkg:deb/debian/zlib1g@1.2?upstream=zlib",
            *("zlib", "1.2", "pkg:deb/debian/zlib@1.2"),
        ),
    ],
)
def test_a_distributions_package_is_told_by_its_source(purl: str, name: str, version: str, renamed: str) -> None:
    (found,) = by_source({"components": [component("binary", "0", purl)]})["components"]
    assert (found["name"], found["version"], found["purl"]) == (name, version, renamed)


@pytest.mark.parametrize(
    "purl",
    [
        "pkg:deb/debian/zlib@1.2?distro=debian-12",
        "pkg:rpm/rhel/openssl-libs@3.0?upstream=openssl-3.0.src.rpm",
        "pkg:pypi/flask@2.0.0",
        "",
    ],
)
def test_what_is_told_by_its_own_name_stays_as_it_is(purl: str) -> None:
    known = component("name", "1", purl)
    assert by_source({"components": [known]})["components"] == [known]


def test_two_packages_of_one_source_are_looked_up_once() -> None:
    both = [component(f"zlib1g{end}", "1", f"pkg:deb/debian/zlib1g{end}@1?upstream=zlib") for end in ("", "-dev")]
    assert len(by_source({"components": both})["components"]) == 1


def test_components_without_a_package_url_are_kept_apart() -> None:
    several = [{"type": "library", "name": name} for name in ("one", "two")]
    assert by_source({"components": several})["components"] == several


def test_the_rest_of_the_bill_stays_and_the_dependencies_that_fit_no_more_go() -> None:
    bill = {"bomFormat": "CycloneDX", "specVersion": "1.6", "dependencies": [{"ref": "a"}]}
    assert by_source(bill) == {**bill, "components": [], "dependencies": []}
