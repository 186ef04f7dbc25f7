"""Gates in Rego, evaluated by rego-cpp in processes of their own."""

from pratique.clients.rego.engine import RegoPolicies

__all__ = ["RegoPolicies"]
