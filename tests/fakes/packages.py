"""The files by which packages show in an image: Debian's and Python's, enough of each for who looks into images."""

from __future__ import annotations

from tests.services.engine import Tree

DEBIAN: Tree = {
    "etc/os-release": 'ID=debian\nVERSION_ID="12"\nNAME="Debian GNU/Linux"\n',
    "var/lib/dpkg/status": (
        "Package: zlib1g\nStatus: install ok installed\nPriority: optional\nSection: libs\n"
        "Maintainer: Ada <ada@example.test>\nArchitecture: amd64\nSource: zlib\nVersion: 1:1.2.13.dfsg-1\n"
        "Description: compression library\n"
    ),
    "usr/share/doc/zlib1g/copyright": (
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n"
        "Files: *\nCopyright: somebody\nLicense: Zlib\n"
    ),
}
PYTHON: Tree = {
    "usr/lib/python3/dist-packages/flask-2.0.0.dist-info/METADATA": (
        "Metadata-Version: 2.1\nName: Flask\nVersion: 2.0.0\nLicense: BSD-3-Clause\n"
    ),
    "usr/lib/python3/dist-packages/flask-2.0.0.dist-info/RECORD": "flask-2.0.0.dist-info/METADATA,,\n",
}
WITH_PACKAGES: Tree = {"Dockerfile": "FROM scratch\nCOPY . /\n", **DEBIAN, **PYTHON}
"""An image with packages of two kinds, and nothing that could run."""
