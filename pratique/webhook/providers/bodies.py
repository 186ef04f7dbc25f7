"""The bodies of GitHub's calls, which Gitea and Forgejo send in the same shape."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from pratique.decisions.git_names import require_ref
from pratique.values.event import EventKind
from pratique.values.heard import Call
from pratique.webhook.reading import Sent, call, commit_or_none, hear, ignored, is_deleted, read, tag


class Repository(Sent):
    """The addresses by which settings may name the repository."""

    clone_url: str
    ssh_url: str = ""
    html_url: str = ""

    @property
    def places(self) -> tuple[str, ...]:
        return self.clone_url, self.ssh_url, self.html_url


class HeadCommit(Sent):
    """The newest commit of a push."""

    id: str


class Push(Sent):
    """A branch or a tag names something else now."""

    ref: str
    after: str
    head_commit: HeadCommit | None = None
    repository: Repository


class Head(Sent):
    """What a pull request asks for."""

    sha: str


class PullRequest(Sent):
    """A pull request."""

    head: Head


class PullRequestEvent(Sent):
    """Something happened to a pull request."""

    action: str
    number: int
    pull_request: PullRequest
    repository: Repository


class Release(Sent):
    """A release, made of a tag; the commit it names is a wish, and may be a branch."""

    tag_name: str


class ReleaseEvent(Sent):
    """Something happened to a release."""

    action: str
    release: Release
    repository: Repository


def push(delivery: str, body: bytes) -> Call:
    """A push to a branch or of a tag."""
    sent = read(Push, body)
    if is_deleted(sent.after):
        return ignored("the ref was deleted")
    ref = require_ref(sent.ref)
    if ref.startswith("refs/heads/"):
        return call(hear(delivery=delivery, kind=EventKind.PUSH, places=sent.repository.places, ref=ref, commit=sent.after))
    if ref.startswith("refs/tags/"):
        # `after` of an annotated tag is the tag itself; the commit stands elsewhere, and where it does not, Git is asked.
        commit = commit_or_none(sent.head_commit.id if sent.head_commit else None)
        return call(hear(delivery=delivery, kind=EventKind.TAG, places=sent.repository.places, ref=ref, commit=commit))
    return ignored("the ref is neither a branch nor a tag")


def pull_request(delivery: str, body: bytes, new_commits: AbstractSet[str]) -> Call:
    """A pull request; only the actions named have commits that were not there before."""
    sent = read(PullRequestEvent, body)
    if sent.action not in new_commits:
        return ignored("nothing about the pull request's commits has changed")
    return call(
        hear(
            delivery=delivery,
            kind=EventKind.PULL_REQUEST,
            places=sent.repository.places,
            ref=f"refs/pull/{sent.number}/head",
            commit=sent.pull_request.head.sha,
            pull_request=sent.number,
        )
    )


def release(delivery: str, body: bytes) -> Call:
    """A release that was published; which commit its tag names, Git knows."""
    sent = read(ReleaseEvent, body)
    if sent.action != "published":
        return ignored("the release was not published")
    ref = tag(sent.release.tag_name)
    return call(hear(delivery=delivery, kind=EventKind.TAG, places=sent.repository.places, ref=ref))
