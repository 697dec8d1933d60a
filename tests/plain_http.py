"""What a test asks over HTTP on loopback, without TLS."""

import ssl
from typing import Final

NO_TLS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts nobody. Without it each client reads all authorities of the system, which takes longer than its question."""
