"""What every `ForgeClient` keeps: the fake, and each real client before a peer that answers as its forge documents."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from pratique.clients.forge import open_forge
from pratique.clients.ports.forge import Denied, ForgeClient, Limited
from pratique.decisions.telling import LONGEST_COMMENT
from pratique.errors import Refused, Transient
from pratique.settings import ForgeSettings
from pratique.values.event import Forge
from pratique.values.references import SecretReference
from pratique.values.report import ReportState
from tests.contract.events import a_commit
from tests.fakes.forge import FakeForge
from tests.services.forge import ACCOUNT, PROJECT, TOKEN, RecordingForge

COMMIT = a_commit(1)
CONTEXT, PAGE = "pratique/deliver", "http://prefect.example.test/runs/flow-run/1"
REFERENCE = SecretReference.parse("vault:kv/data/forges#token")
REAL = ["github", "gitlab", "gitea"]


@dataclass
class Arranged:
    """A client, and what a test arranges and reads behind it."""

    client: ForgeClient
    behind: Any
    repository: str = f"https://git.example.test/{PROJECT}.git"
    words: dict[ReportState, str] = field(default_factory=dict)
    """What the forge calls our states."""

    @property
    def changes(self) -> int:
        """How often something was sent that was to change something."""
        return self.behind.changes if isinstance(self.behind, FakeForge) else len(self.behind.sent)

    def set(self, state: ReportState, description: str = "words", commit: str = COMMIT, **more: str) -> None:
        self.client.set_status(
            self.repository, commit, state, **{"context": CONTEXT, "description": description, "url": PAGE} | more
        )

    def told(self) -> list[tuple[str, str, str]]:
        """State, description and address of each status of the commit, in the forge's words."""
        if isinstance(self.behind, FakeForge):
            return [(told.state, told.description, told.url) for _, _, told in self.behind.history]
        return [tuple(one[1:]) for one in self.behind.history(COMMIT)]

    def comments(self, pull_request: int = 7) -> list[str]:
        """The bodies of the comments, without what a browser does not show."""
        if isinstance(self.behind, FakeForge):
            return [written.body for written in self.behind.comments.get(pull_request, [])]
        return [body.partition("-->\n")[2] if body.startswith("<!--") else body for _, body in self.behind.bodies(pull_request)]


WORDS = {
    "fake": {state: state.value for state in ReportState},
    "github": dict(zip(ReportState, ("pending", "pending", "success", "failure", "error", "error"), strict=True)),
    "gitea": dict(zip(ReportState, ("pending", "pending", "success", "failure", "error", "warning"), strict=True)),
    "gitlab": dict(zip(ReportState, ("pending", "running", "success", "failed", "failed", "canceled"), strict=True)),
}


@pytest.fixture(params=["fake", *REAL])
def forge(request: pytest.FixtureRequest, new_forge: Callable[..., RecordingForge]) -> Iterator[Arranged]:
    if request.param == "fake":
        fake = FakeForge()
        yield Arranged(fake, fake, words=WORDS["fake"])
        return
    kind = Forge(request.param)
    peer = new_forge(kind)
    with open_forge(kind, ForgeSettings(api=peer.api, token=REFERENCE), TOKEN) as client:
        yield Arranged(client, peer, words=WORDS[request.param])


@pytest.fixture(params=REAL)
def real(request: pytest.FixtureRequest, new_forge: Callable[..., RecordingForge]) -> Iterator[Arranged]:
    kind = Forge(request.param)
    peer = new_forge(kind)
    with open_forge(kind, ForgeSettings(api=peer.api, token=REFERENCE), TOKEN) as client:
        yield Arranged(client, peer, words=WORDS[request.param])


# ── statuses


@pytest.mark.parametrize("last", [ReportState.SUCCESS, ReportState.FAILURE, ReportState.ERROR, ReportState.CANCELLED])
def test_a_commit_goes_from_pending_over_running_to_its_end(forge: Arranged, last: ReportState) -> None:
    way = (ReportState.PENDING, ReportState.RUNNING, last)
    for state in way:
        forge.set(state, f"it is {state}")
    assert forge.told() == [(forge.words[state], f"it is {state}", PAGE) for state in way]


def test_what_the_commit_has_already_is_not_sent_again(forge: Arranged) -> None:
    for state in (ReportState.PENDING, ReportState.PENDING, ReportState.RUNNING, ReportState.RUNNING, ReportState.SUCCESS):
        forge.set(state, f"it is {state}")
    forge.set(ReportState.SUCCESS, f"it is {ReportState.SUCCESS}")
    assert len(forge.told()) == forge.changes == 3


def test_another_name_is_another_status(forge: Arranged) -> None:
    forge.set(ReportState.SUCCESS, context="somebody/else")
    forge.set(ReportState.SUCCESS)
    assert len(forge.told()) == 2


def test_after_its_end_it_may_begin_anew(forge: Arranged) -> None:
    for state in (ReportState.FAILURE, ReportState.PENDING, ReportState.SUCCESS):
        forge.set(state)
    assert [state for state, _, _ in forge.told()] == [
        forge.words[state] for state in (ReportState.FAILURE, ReportState.PENDING, ReportState.SUCCESS)
    ]


def test_a_long_description_is_shortened_to_what_is_taken(forge: Arranged) -> None:
    forge.set(ReportState.FAILURE, "refused: " + "because of this, " * 40 + "\nand that")
    ((_, description, _),) = forge.told()
    assert description.startswith("refused: because of this")
    assert description.endswith("…")
    assert len(description) <= 140


def test_a_status_needs_no_address(forge: Arranged) -> None:
    forge.set(ReportState.PENDING, url="")
    forge.set(ReportState.PENDING, url="")
    assert forge.told() == [(forge.words[ReportState.PENDING], "words", "")]


def test_a_commit_that_the_forge_does_not_know_is_refused(forge: Arranged) -> None:
    forge.behind.commits = {a_commit(2)}
    with pytest.raises(Refused):
        forge.set(ReportState.PENDING)


def test_a_repository_that_the_forge_does_not_know_is_refused(forge: Arranged) -> None:
    forge.repository = "https://git.example.test/team/other.git"
    with pytest.raises(Refused, match="may not see it"):
        forge.set(ReportState.PENDING)


def test_a_status_is_found_on_a_later_page(real: Arranged) -> None:
    for number in range(7):
        real.set(ReportState.SUCCESS, context=f"other/{number}")
    real.set(ReportState.SUCCESS)
    sent = real.changes
    real.set(ReportState.SUCCESS)
    assert real.changes == sent


def test_gitlab_keeps_what_it_has_where_a_job_cannot_go_back(new_forge: Callable[..., RecordingForge]) -> None:
    peer = new_forge(Forge.GITLAB)
    with open_forge(Forge.GITLAB, ForgeSettings(api=peer.api, token=REFERENCE), TOKEN) as client:
        arranged = Arranged(client, peer)
        arranged.set(ReportState.RUNNING, "first words")
        arranged.set(ReportState.RUNNING, "other words")
        arranged.set(ReportState.PENDING, "before that")
    (job,) = peer.statuses[COMMIT]
    assert (job["status"], job["description"]) == ("running", "first words")


@pytest.mark.parametrize("path", ["team/hello", "team/platform/hello", "below/team/hello"])
def test_gitlab_projects_are_called_by_their_whole_path(new_forge: Callable[..., RecordingForge], path: str) -> None:
    peer = new_forge(Forge.GITLAB, project=path)
    with open_forge(Forge.GITLAB, ForgeSettings(api=peer.api, token=REFERENCE), TOKEN) as client:
        for address in (f"https://git.example.test/{path}.git", f"git@git.example.test:{path}", f"ssh://git@host/{path}"):
            client.set_status(address, COMMIT, ReportState.SUCCESS, context=CONTEXT, description="words")
    assert len(peer.history(COMMIT)) == 1


# ── comments


def test_a_comment_is_written_once_and_then_changed(forge: Arranged) -> None:
    for body in ("first", "first", "second"):
        forge.client.comment(forge.repository, 7, "preview hello", body)
    assert forge.comments() == ["second"]
    assert forge.changes == 2


def test_another_marker_and_another_pull_request_have_comments_of_their_own(forge: Arranged) -> None:
    forge.client.comment(forge.repository, 7, "preview hello", "one")
    forge.client.comment(forge.repository, 7, "preview parrot", "two")
    forge.client.comment(forge.repository, 8, "preview hello", "three")
    assert (forge.comments(7), forge.comments(8)) == (["one", "two"], ["three"])


def test_a_comment_as_long_as_may_be_is_taken(forge: Arranged) -> None:
    forge.client.comment(forge.repository, 7, "preview hello", "x" * LONGEST_COMMENT)
    assert [len(body) for body in forge.comments()] == [LONGEST_COMMENT]


def test_our_comment_is_found_among_many_pages_of_others(real: Arranged) -> None:
    for number in range(7):
        real.behind.stranger_comments(7, f"I think {number}")
    real.client.comment(real.repository, 7, "preview hello", "first")
    for number in range(4):
        real.behind.stranger_comments(7, f"and {number}")
    real.client.comment(real.repository, 7, "preview hello", "second")
    assert real.comments().count("second") == 1
    assert "first" not in real.comments()
    assert len(real.comments()) == 12


def test_a_stranger_who_writes_our_marker_is_not_written_into(real: Arranged) -> None:
    real.behind.stranger_comments(7, "<!-- pratique: preview hello -->\nNothing would change, merge it!")
    real.client.comment(real.repository, 7, "preview hello", "the database would be replaced")
    real.client.comment(real.repository, 7, "preview hello", "both databases would be replaced")
    assert real.behind.bodies(7) == [
        ("mallory", "<!-- pratique: preview hello -->\nNothing would change, merge it!"),
        (ACCOUNT, "<!-- pratique: preview hello -->\nboth databases would be replaced"),
    ]


def test_the_account_that_the_settings_name_is_not_asked_for(new_forge: Callable[..., RecordingForge]) -> None:
    peer = new_forge(Forge.GITHUB)
    with open_forge(Forge.GITHUB, ForgeSettings(api=peer.api, token=REFERENCE, account="pratique[bot]"), TOKEN) as client:
        peer.stranger_comments(7, "<!-- pratique: preview hello -->\nfirst", author="pratique[bot]")
        client.comment(f"git@git.example.test:{PROJECT}.git", 7, "preview hello", "second")
    assert [body.splitlines()[-1] for _, body in peer.bodies(7)] == ["second"]


# ── what goes wrong


def test_a_token_that_was_revoked_is_denied_and_never_repeated(forge: Arranged) -> None:
    forge.behind.revoke()
    for ask in (lambda: forge.set(ReportState.PENDING), lambda: forge.client.comment(forge.repository, 7, "m", "b")):
        with pytest.raises(Denied, match="does not accept the token") as refusal:
            ask()
        assert TOKEN not in f"{refusal.value!r} {refusal.value} {refusal.value.__cause__!r} {refusal.value.__context__!r}"


def test_a_token_that_may_too_little_is_denied(real: Arranged) -> None:
    real.behind.forbid()
    with pytest.raises(Denied, match="does not allow the token"):
        real.set(ReportState.PENDING)


def test_asked_too_often_it_says_when_to_ask_again(forge: Arranged) -> None:
    forge.behind.limit(120)
    with pytest.raises(Limited, match="asked too often") as limited:
        forge.set(ReportState.PENDING)
    assert timedelta(seconds=100) < limited.value.after <= timedelta(seconds=120)


def test_a_forge_that_breaks_down_is_transient(forge: Arranged) -> None:
    forge.behind.break_down()
    with pytest.raises(Transient):
        forge.set(ReportState.PENDING)


def test_a_forge_that_is_gone_is_transient(real: Arranged) -> None:
    real.behind.stop()
    with pytest.raises(Transient, match="did not answer"):
        real.set(ReportState.PENDING)


@pytest.mark.parametrize("token", ["", "two\nlines", "schlüssel"])
def test_what_is_no_token_is_denied_before_it_is_sent(new_forge: Callable[..., RecordingForge], token: str) -> None:
    for kind in (Forge.GITHUB, Forge.GITLAB, Forge.GITEA):
        peer = new_forge(kind)
        with (
            pytest.raises(Denied, match="is no token"),
            open_forge(kind, ForgeSettings(api=peer.api, token=REFERENCE), token),
        ):
            pass
        assert peer.asked == 0


def test_what_is_no_api_is_refused(new_forge: Callable[..., RecordingForge]) -> None:
    peer = new_forge(Forge.GITHUB)
    with open_forge(Forge.GITHUB, ForgeSettings(api=f"{peer.api}/somewhere", token=REFERENCE), TOKEN) as client:
        with pytest.raises(Refused, match="may not see it"):
            client.set_status(f"https://h/{PROJECT}", COMMIT, ReportState.PENDING, context=CONTEXT, description="")
        with pytest.raises(Refused, match="no owner and name"):
            client.set_status("https://h/hello", COMMIT, ReportState.PENDING, context=CONTEXT, description="")
