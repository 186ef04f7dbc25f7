"""Whether somebody wrote a commit: by the addresses that commits and signatures name people by."""

from __future__ import annotations

from email.utils import parseaddr

from pratique.values.commit import Commit
from pratique.values.people import Person
from pratique.values.trust import TrustedIdentity


def is_author(person: Person, commit: Commit) -> bool:
    """Whether the commit's author is the person; where either has no address that is known, they may be one.

    Git believes whatever address an author configures: where commits are not signed, somebody can write under another's.
    """
    _, address = parseaddr(commit.author)
    identities = [signer.identity for signer in person.trust if isinstance(signer, TrustedIdentity)]
    known = {one.casefold() for one in (*person.emails, *identities) if "@" in one}
    return "@" not in address or not known or address.casefold() in known
