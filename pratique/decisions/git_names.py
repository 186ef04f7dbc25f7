"""What may name a repository and a ref, decided before Git sees either of them.

Whatever Git could take for an option, a transport helper, a range or an expression is `Invalid`; so are credentials in a URL,
which would end up in commits' records, logs and process lists. Credentials belong into `~/.netrc`, an SSH key or `GIT_ASKPASS`.
Rules for refs: git-scm.com/docs/git-check-ref-format. Forms of repositories: git-scm.com/docs/git-fetch, "GIT URLS".
"""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

from pratique.errors import Invalid

LONGEST_REPOSITORY = 2000
LONGEST_REF = 255

_FORMS = "write https://host/path, ssh://user@host/path, user@host:path, file:///path or an absolute path"
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_SCP = re.compile(rf"(?:(?P<user>[^@:/]*)@)?(?P<host>{_HOST.pattern}):(?P<path>[^-@][^@]*)")
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_ABBREVIATED = re.compile(r"[0-9a-f]{4,63}")
_FORBIDDEN_IN_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//")


def is_commit_id(ref: str) -> bool:
    """Whether `ref` is a full commit id, SHA-1 or SHA-256."""
    return _COMMIT.fullmatch(ref) is not None


def looks_abbreviated(ref: str) -> bool:
    """Whether `ref` may be meant as a shortened commit id; it may be a branch's or a tag's name as well."""
    return _ABBREVIATED.fullmatch(ref) is not None


def require_repository(repository: str) -> str:
    """`repository` as it is, or `Invalid`; the message never repeats it, because it may hold credentials."""
    if not repository or len(repository) > LONGEST_REPOSITORY:
        raise Invalid("repository", f"it has {len(repository)} letters", f"{_FORMS}, {LONGEST_REPOSITORY} letters at most")
    if not repository.isprintable():
        raise Invalid("repository", "it holds a line break or another control character", _FORMS)
    if repository.startswith("-"):
        raise Invalid("repository", "it starts with a hyphen, as options do", _FORMS)
    if repository.startswith("/"):
        if ".." in repository.split("/"):
            raise Invalid("repository", "the path holds `..`", "write the path it leads to")
        return repository
    if "::" in repository.split("[", maxsplit=1)[0]:
        raise Invalid("repository", "it names a transport helper, which could run any program", _FORMS)
    if not repository.isascii() or " " in repository:
        raise Invalid("repository", "a URL holds only ASCII, without spaces", "escape the others with %")
    if "://" in repository:
        _require_url(repository)
    else:
        _require_scp_form(repository)
    return repository


def require_ref(ref: str) -> str:
    """`ref` as it is (branch, tag, full commit id, or `refs/…`), or `Invalid`."""
    remedy = "write a branch, a tag, a full commit id or refs/…"
    if not ref or len(ref) > LONGEST_REF:
        raise Invalid("ref", f"it has {len(ref)} letters", f"{remedy}, {LONGEST_REF} letters at most")
    shown = f"'{ref}'" if ref.isprintable() else "it"
    if ref.startswith("-"):
        raise Invalid("ref", f"{shown} starts with a hyphen, as options do", remedy)
    if ref in ("HEAD", "@"):
        raise Invalid("ref", f"{shown} is whatever the repository calls its default", "name the branch")
    if not ref.isprintable() or _FORBIDDEN_IN_REF.search(ref):
        raise Invalid("ref", f"{shown} holds what no name of a ref may hold", f"{remedy}, no range and no expression")
    parts = ref.split("/")
    if ref.endswith(".") or any(not part or part.startswith(".") or part.endswith(".lock") for part in parts):
        raise Invalid("ref", f"{shown} is no name of a ref", f"{remedy}; no part starts with a dot or ends with .lock")
    if parts[0] == "refs" and len(parts) < len(("refs", "heads", "name")):
        raise Invalid("ref", f"{shown} names a folder of refs", "write it in full, such as refs/heads/main")
    return ref


def _require_url(repository: str) -> None:
    try:
        url = urlsplit(repository)
        port = url.port
    except ValueError:
        raise Invalid("repository", "it is no URL", _FORMS) from None
    if url.scheme not in ("https", "ssh", "file") and not (url.scheme == "http" and url.hostname in _LOOPBACK):
        raise Invalid("repository", f"{url.scheme}:// is not a way to fetch safely", _FORMS)
    if re.search(r"%[01][0-9A-Fa-f]|%7[Ff]", repository):
        raise Invalid("repository", "it holds an escaped control character", _FORMS)
    if url.query or url.fragment or "?" in repository or "#" in repository:
        raise Invalid("repository", "it holds a query or a fragment", "name the ref by itself, not in the URL")
    if url.path in ("", "/"):
        raise Invalid("repository", "it names a host and no repository", _FORMS)
    if url.scheme == "file":
        if url.netloc:
            raise Invalid("repository", "a file:// URL names no host", "write file:///path, with three slashes")
        return
    _require_no_credentials(url)
    if port == 0 or not _HOST.fullmatch(url.netloc.rpartition("@")[2].removesuffix(f":{port}")):
        raise Invalid("repository", "its host is no host's name", _FORMS)


def _require_no_credentials(url: SplitResult) -> None:
    # In an https URL even the user's name alone may be a token; SSH logs in as a named user, without a password.
    named = url.netloc.rpartition("@")[0] if "@" in url.netloc else None
    if named is not None and (url.scheme != "ssh" or ":" in named):
        remedy = "take them out: keep them in ~/.netrc, in an SSH key, or behind GIT_ASKPASS"
        raise Invalid("repository", f"the URL of {url.hostname or 'it'} holds credentials", remedy)
    if named is not None and not _USER.fullmatch(named):
        raise Invalid("repository", "the user in the URL is no user's name", _FORMS)


def _require_scp_form(repository: str) -> None:
    match = _SCP.fullmatch(repository)
    if match is None or (match["user"] is not None and not _USER.fullmatch(match["user"])):
        raise Invalid("repository", "it is neither a URL nor an absolute path", _FORMS)
