"""The TLS context of the gateway's addresses. Knows nothing of sockets and requests."""

import ssl


def context_for(url: str) -> ssl.SSLContext | None:
    """The context for this address, None where it goes without TLS. One for all connections of an adapter: with its
    own, each would cost almost a megabyte more."""
    return ssl.create_default_context() if url.startswith(("wss:", "https:")) else None
