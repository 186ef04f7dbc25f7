"""The client of an OCI registry, by the distribution specification 1.1 (github.com/opencontainers/distribution-spec).

    with open_registry(RegistrySettings(address="registry.example"), Credentials("ci", password)) as registry:
        digest = registry.push_image("hello/images/web", image, log=print)
        registry.attach("hello/images/web", digest, bundle, predicate_type, created)

It speaks HTTP through httpx and brings its own login. `oras`, the library for OCI artifacts, was read for both and does not
serve here: its one door for requests retries five times with up to 83 seconds of sleep in between, beneath the tasks' own
retries; it sets no timeout; one token is shown for every repository whatever it was issued for; and whole layers are
read into memory to be sent.
"""

from pratique.clients.registry.client import OciRegistry, open_registry
from pratique.clients.registry.credentials import Credentials

__all__ = ["Credentials", "OciRegistry", "open_registry"]
