"""Whether somebody wrote a commit: by the addresses that commits and signatures name people by."""

from __future__ import annotations

import unicodedata
from email.utils import parseaddr

from pratique.values.commit import Commit
from pratique.values.people import Person
from pratique.values.trust import TrustedIdentity

_DOTLESS = ("gmail.com", "googlemail.com")


def is_author(person: Person, commit: Commit) -> bool:
    """Whether the commit's author is the person; where either has no address that is known, they may be one.

    Git believes whatever address an author configures: where commits are not signed, somebody can write under another's.
    """
    _, address = parseaddr(commit.author)
    identities = [signer.identity for signer in person.trust if isinstance(signer, TrustedIdentity)]
    known = {plain_address(one) for one in (*person.emails, *identities) if "@" in one}
    return "@" not in address or not known or plain_address(address) in known


def plain_address(address: str) -> str:
    """The address without what its owner may write in it as they like: another case, a tag after `+`, an equal letter.

    Of Google's mail the dots as well, and its second name.
    """
    local, _, domain = unicodedata.normalize("NFKC", address).strip().casefold().rpartition("@")
    local, domain = local.strip('"').partition("+")[0], domain.rstrip(".")
    if domain in _DOTLESS:
        return f"{local.replace('.', '')}@{_DOTLESS[0]}"
    return f"{local}@{domain}"
