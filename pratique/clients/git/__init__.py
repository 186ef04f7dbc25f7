"""Git repositories, read through the `git` command on bare mirrors."""

from pratique.clients.git.source import GitSource

__all__ = ["GitSource"]
