"""What people are asked to approve of."""

from __future__ import annotations

from pratique.values._base import Value
from pratique.values.digest import Digest
from pratique.values.plan import Plan


class Asked(Value):
    """A plan, and the policy under which it is to be carried out; an approval names the digests of both."""

    plan: Plan
    policy: Digest
