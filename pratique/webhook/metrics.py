"""What `/metrics` tells, in Prometheus' text format."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """The figures of one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.calls = Counter(
            "pratique_webhook_calls",
            "Calls, by forge and by how they were answered.",
            ["forge", "status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "pratique_webhook_seconds", "How long calls took to answer.", buckets=_SECONDS, registry=self.registry
        )
        self.events = Counter(
            "pratique_webhook_events",
            "Events, by forge and by what became of them.",
            ["forge", "outcome"],
            registry=self.registry,
        )
        self.waiting = Gauge("pratique_events_waiting", "Events that are not dispatched yet.", registry=self.registry)
        self.oldest = Gauge(
            "pratique_events_oldest_seconds", "For how long the oldest of them has waited.", registry=self.registry
        )
        self.dispatched = Counter(
            "pratique_events_dispatched",
            "Events that this process dispatched, by how they ended.",
            ["state"],
            registry=self.registry,
        )
        self.postponed = Counter(
            "pratique_events_postponed", "How often an event could not be dispatched yet.", registry=self.registry
        )
        self.reported = Counter(
            "pratique_reports",
            "Reports that this process sent to forges, by what was told.",
            ["forge", "state"],
            registry=self.registry,
        )
        self.unreported = Counter(
            "pratique_reports_failed",
            "Reports that a forge refused, denied for its token's sake, or could not take then.",
            ["forge", "word"],
            registry=self.registry,
        )
        self.behind = Gauge(
            "pratique_events_unreported",
            "Events whose forge could not be told yet what became of them.",
            registry=self.registry,
        )
