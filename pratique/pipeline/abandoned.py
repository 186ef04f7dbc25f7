"""Promotions that nobody will end any more, because their run is over.

One that waits to be approved of has no process that would notice that somebody cancels its run.

A promotion that dies holding the lock of its environment, or waiting for it, is found by the ledger itself when the next
one goes past it. One that dies before it has asked for the lock stands in nobody's way; only Prefect knows of its death.
"""

from __future__ import annotations

from pratique.bootstrap import Clients
from pratique.clients.ports import Ledger
from pratique.errors import Refused
from pratique.values.promotion import Promotion, PromotionState


def end_abandoned(clients: Clients, service: str, environment: str) -> tuple[Promotion, ...]:
    """The promotions of the environment that were running in the ledger and in nothing else: now on record as abandoned."""
    with clients.ledger() as ledger:
        silent = _silent(ledger, service, environment)
        if not silent:
            return ()
        ended = []
        with clients.prefect() as prefect:
            for promotion in silent:
                try:
                    run = prefect.run(promotion.run_url.rpartition("/")[2])
                except Refused:
                    # A server that does not know the run, or does not tell us, is no proof that it is over.
                    continue
                if run.is_final:
                    reason = f"its run ended as {run.state_name} before it asked for the lock"
                    ended.append(ledger.finish(promotion.id, PromotionState.ABANDONED, reason=reason))
        return tuple(ended)


def end_cancelled(clients: Clients, service: str, environment: str) -> tuple[Promotion, ...]:
    """The promotions there that waited for approval, and whose run somebody has cancelled: now on record as that."""
    with clients.ledger() as ledger:
        asking = [one for one in ledger.waiting(service, environment) if one.asked is not None]
        if not asking:
            return ()
        ended = []
        with clients.prefect() as prefect:
            for promotion in asking:
                run = prefect.find(promotion.run_url.rpartition("/")[2])
                if run is not None and run.state_type == "CANCELLED":
                    reason = "its run was cancelled while it waited for approval"
                    ended.append(ledger.finish(promotion.id, PromotionState.CANCELLED, reason=reason))
        return tuple(ended)


def _silent(ledger: Ledger, service: str, environment: str) -> list[Promotion]:
    """Those that neither have had the lock nor wait for it."""
    running = [one for one in ledger.history(service, environment) if one.state is PromotionState.RUNNING]
    if not running:
        return []
    waiting = {one.id for one in ledger.queue(service, environment)}
    return [one for one in running if one.fence is None and one.run_url and one.id not in waiting]
