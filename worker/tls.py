"""TLS towards the gateway and the broker: the one place that makes contexts.

Guarantees: the peer's certificate and name are checked, TLS 1.2 at least, unless a setting that says `insecure` turns
that off; a file that changed is read anew for the next connection, since certificates are rotated under a running
worker. No message repeats what a file holds. Knows nothing of who connects. PostgreSQL is not here: its driver
takes all of this from the address (`sslmode`, `sslrootcert`, `sslcert`, `sslkey`).

What the settings leave unprotected is said each minute while the worker runs.
"""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from worker.addresses import is_plain_to_others
from worker.errors import ConfigurationError
from worker.settings import Settings
from worker.stamps import Stamp, stamp_of

log = structlog.get_logger()

MakeContext = Callable[[], ssl.SSLContext]
"""Asked for each connection; cheap while the files stay as they are."""
EVERY_SECONDS = 60.0
"""So often it is said what is not protected."""


@dataclass(frozen=True, slots=True)
class TlsOptions:
    """What the settings say of one peer. `setting` begins the names of its settings, for messages."""

    setting: str
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    is_insecure: bool = False

    @property
    def files(self) -> tuple[str, ...]:
        """Every file that a context is made of."""
        return tuple(name for name in (self.ca_file, self.cert_file, self.key_file) if name)


class TlsContexts:
    """The context of one peer, shared by its connections: one of its own would cost each almost a megabyte."""

    def __init__(self, options: TlsOptions) -> None:
        """Raises `ConfigurationError` for files that cannot be used."""
        self._options = options
        self._seen = _stamps(options)
        # The system's authorities cannot be wrong, and take long to read: where every address is plain, nobody asks.
        self._context = make_context(options) if options.files else None

    def context(self) -> ssl.SSLContext:
        """The context, made anew if a file has changed. A change that cannot be used is logged and not taken."""
        if self._context is None:
            self._context = make_context(self._options)
        seen = _stamps(self._options)
        if seen != self._seen:
            self._seen = seen
            try:
                self._context = make_context(self._options)
            except ConfigurationError as fault:
                log.warning("tls_files_unusable", reason=str(fault), advice="connections go on with the earlier ones")
            else:
                log.info("tls_files_read_anew", setting=self._options.setting)
        return self._context


def gateway_tls(settings: Settings) -> TlsContexts:
    """For `wss://` and `https://` to the gateway. Raises `ConfigurationError`."""
    return TlsContexts(
        TlsOptions(
            "FAPIAO_GATEWAY",
            settings.gateway_ca_file,
            settings.gateway_cert_file,
            settings.gateway_key_file,
            settings.gateway_insecure,
        )
    )


def broker_tls(settings: Settings) -> TlsContexts:
    """For `amqps://`. Raises `ConfigurationError`."""
    return TlsContexts(
        TlsOptions(
            "FAPIAO_AMQP",
            settings.amqp_ca_file,
            settings.amqp_cert_file,
            settings.amqp_key_file,
            settings.amqp_insecure,
        )
    )


def make_context(options: TlsOptions) -> ssl.SSLContext:
    """A client's context. With a CA file only its authorities are trusted, otherwise the system's. Raises
    `ConfigurationError`."""
    if options.key_file and not options.cert_file:
        raise ConfigurationError(f"{options.setting}_KEY_FILE is of no use without {options.setting}_CERT_FILE")
    try:
        context = ssl.create_default_context(cafile=options.ca_file)
    except OSError as error:
        raise _unusable(options, "CA_FILE", error) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if options.cert_file:
        try:
            # An encrypted key would ask for its password on a terminal that nobody watches.
            context.load_cert_chain(options.cert_file, options.key_file, password="")
        except (OSError, ValueError) as error:
            raise _unusable(options, "CERT_FILE or its KEY_FILE", error) from None
    if options.is_insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def insecurities(settings: Settings) -> list[str]:
    """What the settings leave unprotected, a sentence each; said again and again while the worker runs."""
    found = []
    if settings.gateway_insecure:
        found.append("FAPIAO_GATEWAY_INSECURE: whoever answers in the gateway's place is taken for it")
    if settings.amqp_insecure:
        found.append("FAPIAO_AMQP_INSECURE: whoever answers in the broker's place is taken for it")
    found += [
        f"{name} is not encrypted: passwords can be read on the way"
        for name, url in (
            ("FAPIAO_GATEWAY_URL", settings.gateway_url),
            ("FAPIAO_GATEWAY_HTTP_URL", settings.gateway_http_url),
        )
        if url and is_plain_to_others(url)
    ]
    return found


class Insecurity:
    """Warns until cancelled; without anything to warn of it is quiet."""

    def __init__(self, sentences: Sequence[str]) -> None:
        self._sentences = sentences

    async def run(self) -> None:
        """Warn at once, and each minute."""
        while True:
            self.run_once()
            await asyncio.sleep(EVERY_SECONDS)

    def run_once(self) -> int:
        """Returns how many warnings were logged."""
        for sentence in self._sentences:
            log.warning("insecure", reason=sentence)
        return len(self._sentences)


def _stamps(options: TlsOptions) -> list[Stamp | None]:
    return [stamp_of(Path(name)) for name in options.files]


def _unusable(options: TlsOptions, which: str, error: Exception) -> ConfigurationError:
    what = getattr(error, "reason", None) or getattr(error, "strerror", None) or type(error).__name__
    return ConfigurationError(f"{options.setting}_{which} cannot be used: {what}")
