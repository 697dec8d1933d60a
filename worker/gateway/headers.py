"""What the gateway is shown beside a login, in every handshake and request."""

from collections.abc import Callable, Mapping

from worker.settings import Settings

AskHeaders = Callable[[], Mapping[str, str]]
"""Names and values as they are now: a token among them may have been rotated."""


def headers_of(settings: Settings) -> AskHeaders:
    """Those of the settings, for ever."""
    headers = {name: value.get_secret_value() for name, value in settings.gateway_headers.items()}
    return lambda: headers
