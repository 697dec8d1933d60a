"""Every setting, from `FAPIAO_*` environment variables, `.env` and a secrets directory.

Fields carry their unit in the name and their meaning in the description: `fapiao-worker settings` prints just that.
Knows nothing of the adapters that use them.
"""

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from worker.addresses import ENCODE, check_address, is_plain_to_others
from worker.durations import LONGEST_SECONDS, delays

Seconds = Annotated[float, Field(gt=0, le=LONGEST_SECONDS)]
Pause = Annotated[float, Field(ge=0, le=LONGEST_SECONDS)]

Schedule = Annotated[tuple[timedelta, ...], NoDecode, BeforeValidator(delays)]


def _lower(value: Any) -> Any:
    """Words may be written in capitals, and the standard library's `WARN` is a level too."""
    if not isinstance(value, str):
        return value
    return {"warn": "warning"}.get(value.lower(), value.lower())


class Settings(BaseSettings):
    """The worker's configuration, checked as a whole before anything starts."""

    model_config = SettingsConfigDict(
        env_prefix="FAPIAO_",
        env_file=".env",
        env_file_encoding="utf-8",
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    # Broker
    amqp_url: SecretStr = Field(
        SecretStr("amqp://guest:guest@127.0.0.1:5672/"),
        description="RabbitMQ; several addresses of one cluster comma-separated.",
    )
    prefix: str = Field(
        "fapiao",
        pattern=r"^[A-Za-z0-9._-]{1,60}$",
        description="First part of every exchange and queue name.",
    )
    amqp_ca_file: str | None = Field(
        None, description="PEM file of the authorities trusted for amqps://; none = the system's."
    )
    amqp_cert_file: str | None = Field(None, description="PEM file of the client certificate for amqps://.")
    amqp_key_file: str | None = Field(None, description="PEM file of its key; none = it is in the certificate's file.")
    amqp_insecure: bool = Field(
        False,
        description="Take any certificate for the broker's; a warning is logged each minute. Never in production.",
    )
    declare: bool = Field(
        True, description="Declare exchanges and queues at start; false where the worker may not configure."
    )
    prefetch: int = Field(200, ge=1, le=65535, description="Deliveries held at once while they are journaled (count).")
    intake_max_bytes: int = Field(
        64 * 1024 * 1024,
        ge=1024 * 1024,
        description="Bodies held at once while they are journaled; beyond it nothing more is read from the broker.",
    )
    heartbeat_seconds: int = Field(
        10, ge=1, description="AMQP heartbeat; a dead link is found after about three of them."
    )
    max_body_bytes: int = Field(
        1024 * 1024, ge=1024, description="Largest command body; a larger one is rejected with too_large."
    )
    reply_to_pattern: str = Field(
        r".*",
        description="Regular expression that a whole reply_to must match; {user_id} in it stands for the publisher's "
        "name, which the broker has checked, and refuses messages without the property user_id.",
    )
    reply_ttl_seconds: Seconds = Field(
        86400, description="How long a reply is tried whose queue is missing, before it is undeliverable."
    )
    source: str = Field("/fapiao-worker", min_length=1, max_length=200, description="The `source` of every event.")
    confirm_timeout_seconds: Seconds = Field(30, description="How long the broker may take to confirm an event.")

    # Gateway
    gateway_url: str = Field(
        "ws://127.0.0.1:8090", description="The vendor's gateway, ws:// or wss://, a path prefix allowed."
    )
    gateway_http_url: str | None = Field(
        None, description="Base of its HTTP endpoints; default: as gateway_url, with http."
    )
    gateway_headers: Annotated[
        dict[str, SecretStr],
        Field(default_factory=dict, description="JSON object of headers for every handshake and request."),
    ]
    gateway_ca_file: str | None = Field(
        None, description="PEM file of the authorities trusted for wss:// and https://; none = the system's."
    )
    gateway_cert_file: str | None = Field(None, description="PEM file of the client certificate for the gateway.")
    gateway_key_file: str | None = Field(
        None, description="PEM file of its key; none = it is in the certificate's file."
    )
    gateway_insecure: bool = Field(
        False,
        description="Take any certificate for the gateway's; a warning is logged each minute. Never in production.",
    )
    gateway_allow_plain: bool = Field(
        False,
        description="Allow ws:// and http:// to a gateway on another machine, passwords in clear; warns each minute.",
    )
    gateway_ping_seconds: Pause = Field(20, description="WebSocket keep-alive; 0 turns it off.")
    max_frame_bytes: int = Field(
        1024 * 1024,
        ge=8192,
        description="Largest frame accepted from the gateway; a larger one ends the session.",
    )
    max_page_bytes: int = Field(
        4 * 1024 * 1024,
        ge=8192,
        description="The same on the query side, where a page of 1000 invoices with long remarks has 2 MiB and more.",
    )
    connect_timeout_seconds: Seconds = Field(15, description="TCP, TLS and WebSocket handshake together.")
    close_timeout_seconds: Seconds = Field(5, description="How long the closing handshake may take.")
    reconnect_pause_seconds: Pause = Field(
        0.2,
        description="Pause after closing a session before its lane is given on, so that the gateway has forgotten it.",
    )
    login_timeout_seconds: Seconds = Field(60, description="From the login frame to its answer.")
    answer_timeout_seconds: Seconds = Field(120, description="From the submission to the first answer.")
    scan_timeout_seconds: Seconds = Field(300, description="From a QR to its expiry.")
    result_timeout_seconds: Seconds = Field(
        120, description="How long a result may come after the scan's time is over."
    )
    refusal_grace_seconds: Pause = Field(
        5, description="After a failed QR: how long a new one or a result may still come."
    )
    query_timeout_seconds: Seconds = Field(120, description="From asking for a page to its answer.")
    query_max_pages: int = Field(10_000, ge=1, description="Pages of one query (count): a cap for a gateway gone mad.")
    query_span_days: int = Field(
        366, ge=1, description="A longer span of days is asked for in parts, one after the other (days)."
    )
    page_event_max_bytes: int = Field(
        256 * 1024, ge=4096, description="A page event beyond this is split into several (bytes)."
    )
    download_timeout_seconds: Seconds = Field(180, description="From a page, or a retry, to its download notice.")
    download_grace_seconds: Pause = Field(
        5,
        description="The same, once a page of this query had no notice within the time above, and in a look-up.",
    )
    download_attempts: int = Field(5, ge=1, description="Retries of a failed download (count).")
    files_schedule: Schedule = Field(
        delays("2s,10s,1m,5m"),
        description="When files that are not ready are asked for again: delays. A look-up waits for the first two.",
    )
    http_timeout_seconds: Seconds = Field(30, description="One HTTP look-up, its answer included.")
    http_concurrency: int = Field(8, ge=1, description="HTTP look-ups under way at once (count).")
    http_attempts: int = Field(
        5, ge=1, description="Tries of an HTTP look-up at 429, 5xx and lost connections (count)."
    )
    http_batch: int = Field(50, ge=1, le=500, description="Invoice ids in one look-up of files (count).")
    http_array: Annotated[Literal["repeat", "comma", "brackets"], BeforeValidator(_lower)] = Field(
        "repeat", description="How a list stands in an address: k=a&k=b, k=a,b or k[]=a&k[]=b."
    )
    http_success_codes: frozenset[int] = Field(
        frozenset({0, 200}), description="JSON list of the codes in an HTTP look-up's answer that mean success."
    )
    known_invoices_only: bool = Field(
        False, description="Look up items and files only of invoices that the same source issued or queried before."
    )
    session_idle_seconds: Pause = Field(
        30, description="How long a lane keeps its session without work; 0 closes at once."
    )
    retry_min_seconds: Seconds = Field(1, description="First delay after a transport failure before the submission.")
    retry_max_seconds: Seconds = Field(
        60,
        description="Longest such delay; all have full jitter. Shortest one after a look-up that could not be made.",
    )
    login_attempts: int = Field(
        3, ge=1, description="Logins without an answer before a command fails with gateway_timeout (count)."
    )
    login_failures: int = Field(3, ge=1, description="Refused logins in a row before an account is suspended (count).")
    login_suspend_seconds: Seconds = Field(1800, description="How long a suspended account rests.")
    refusals_in_row: int = Field(
        3,
        ge=0,
        description="Refused orders in a row before a seller rests and one at a time tries; 0 = off (count).",
    )
    refusal_rest_seconds: Seconds = Field(600, description="How long a seller rests before an order tries again.")
    gateway_probes: int = Field(
        2, ge=1, description="Lanes that try a gateway at once while it refuses connections (count)."
    )
    deadline_seconds: Seconds = Field(1800, description="A command's deadline where it names none.")

    # Looking for what was issued
    confirm: bool = Field(True, description="Look for the number, date and totals of each issued invoice.")
    confirm_delay_seconds: Seconds = Field(60, description="From the result to the first such look.")
    confirm_schedule: Schedule = Field(
        delays("2m,10m,30m,2h,6h"), description="Further looks for it: delays, each from the one before."
    )
    reconcile_schedule: Schedule = Field(
        delays("30s,2m,10m,30m,2h,6h,12h"),
        description="When an invoice in doubt is looked for: delays, each from the one before.",
    )
    refusal_schedule: Schedule = Field(
        delays("15s,60s"),
        description="When an invoice that was refused is looked for, before that is reported: delays.",
    )
    clock_skew_seconds: Pause = Field(
        300, description="How much earlier than its submission an invoice may be dated, for clocks differ."
    )

    # The vault
    vault_url: str | None = Field(
        None,
        description="Where the files of invoices are kept for good: file:///abs/path, s3://bucket/prefix, gs://… or "
        "az://…; none = they are not kept. Credentials of an object store come by its own variables.",
    )
    vault_hosts: Annotated[list[str], NoDecode] = Field(
        default_factory=list,
        description="Comma-separated hosts (or host:port) beside the gateway's that files may be fetched from; one in "
        "a private or local network only if it is named here.",
    )
    vault_max_bytes: int = Field(20 * 1024 * 1024, ge=1024, description="Largest file that is kept (bytes).")
    vault_timeout_seconds: Seconds = Field(60, description="Fetching one file, from the connection to its last byte.")
    vault_concurrency: int = Field(4, ge=1, description="Files fetched at once (count).")
    vault_schedule: Schedule = Field(
        delays("1m,10m,1h,6h,24h"),
        description="When a file that could not be fetched is tried again: delays. After the last it is missing.",
    )

    # Store
    database_url: SecretStr = Field(
        SecretStr("sqlite:///fapiao.db"),
        description="sqlite:///relative, sqlite:////absolute or postgresql://…",
    )
    database_pool_size: int = Field(8, ge=2, description="PostgreSQL connections (count).")
    database_max_bytes: int | None = Field(
        None,
        ge=1024 * 1024,
        description="Size of the journal above which no commands are taken from the broker; none = no limit.",
    )
    disk_free_min_bytes: int = Field(
        64 * 1024 * 1024,
        ge=0,
        description="Free space on the disk of an SQLite file below which no commands are taken; 0 = do not look.",
    )
    journal_keys: Annotated[list[SecretStr], NoDecode] = Field(
        default_factory=list,
        description="Comma-separated urlsafe-base64 keys of 32 bytes; the first encrypts, all decrypt.",
    )
    credentials_dir: str | None = Field(
        None, description="Directory of JSON logins, one per file, named by a command's `credential`."
    )

    # Lanes
    max_lanes: int = Field(1000, ge=1, description="Lanes served at once by this process (count).")
    tenant_lanes: int | None = Field(
        None, ge=1, description="Of these, lanes of any one tenant (count); none = half of them, rounded up."
    )
    lease_seconds: Seconds = Field(60, description="How long this worker's right to its lanes lasts without renewal.")
    poll_seconds: Seconds = Field(1, description="How often due work is looked for without a hint.")
    tenant_waiting_max: int | None = Field(
        None,
        ge=1,
        description="Waiting commands per tenant above which new ones are rejected with busy; none = no limit.",
    )

    # Orders
    order_scope: Literal["source", "seller"] = Field(
        "source",
        description="Whose an orderNo is: source = each source has numbers of its own; seller = one over all sources "
        "of a seller, and what another source has is rejected with order_taken. The same on all replicas.",
    )
    duplicates: Literal["warn", "reject", "off"] = Field(
        "warn",
        description="What becomes of an order without orderNo that came under another id a moment ago: a warning, a "
        "rejection (unless it has allowDuplicate), or nothing.",
    )
    duplicate_window_seconds: Seconds = Field(600, description="How long that moment is.")

    # Invoices
    fractional_quantity: bool = Field(False, description="Accept quantities that are not whole.")
    max_items: int = Field(2000, ge=1, description="Lines of an invoice (count).")
    max_decimal_places: int = Field(8, ge=0, description="Decimal places of quantities and unit prices (count).")
    max_number_chars: int = Field(16, ge=1, description="Longest quantity or unit price, written out (characters).")
    tax_id_pattern: str = Field(
        r"[0-9A-Z]{15,20}",
        description="What a Chinese tax id looks like after normalisation; a buyer's other one passes with a warning.",
    )
    tax_id_max_chars: int = Field(26, ge=1, description="Longest foreign tax id of a buyer (characters).")
    remark_max_chars: int = Field(230, ge=0, description="Longest remark (characters).")
    item_name_max_chars: int = Field(100, ge=1, description="Longest name of goods (characters).")
    spec_max_chars: int = Field(40, ge=0, description="Longest specification of goods (characters).")
    unit_max_chars: int = Field(20, ge=0, description="Longest unit of goods (characters).")
    email_max_chars: int = Field(72, ge=0, description="Longest e-mail address of a buyer (characters).")
    name_max_chars: int = Field(100, ge=1, description="Longest buyer or seller name (characters).")
    address_max_chars: int = Field(100, ge=0, description="Longest address of a buyer (characters).")
    phone_max_chars: int = Field(100, ge=0, description="Longest phone number of a buyer (characters).")
    bank_max_chars: int = Field(100, ge=0, description="Longest name of a bank (characters).")
    bank_account_max_chars: int = Field(100, ge=0, description="Longest bank account (characters).")

    # Operation
    http_host: str = Field(
        "*", description="Address of /livez, /readyz and /metrics; * = every one of this machine, IPv4 and IPv6."
    )
    http_port: int = Field(8080, ge=0, le=65535, description="Its port; 0 turns it off.")
    log_format: Annotated[Literal["auto", "console", "json"], BeforeValidator(_lower)] = Field(
        "auto", description="console on a terminal, else json."
    )
    otel: bool = Field(
        False, description="Send traces by OTLP; needs the extra fapiao-worker[otel]. OTEL_* variables say where to."
    )
    log_level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)] = Field(
        "info", description="Least level that is logged."
    )
    core_dumps: bool = Field(
        False, description="Let the system write a core file if the worker crashes; it would hold passwords."
    )
    drain_seconds: Pause = Field(30, description="After SIGTERM: how long scans may go on before they are handed over.")

    @field_validator("journal_keys", "vault_hosts", mode="before")
    @classmethod
    def _comma_separated(cls, value: Any) -> Any:
        if isinstance(value, str):
            return [part.strip() for part in value.split(",") if part.strip()]
        return value

    @model_validator(mode="after")
    def _encrypted_or_allowed(self) -> "Settings":
        for name, url in (("FAPIAO_GATEWAY_URL", self.gateway_url), ("FAPIAO_GATEWAY_HTTP_URL", self.gateway_http_url)):
            if url and not self.gateway_allow_plain and is_plain_to_others(url):
                raise ValueError(
                    f"{name} would send passwords in clear to another machine: use wss:// and https://, "
                    "or set FAPIAO_GATEWAY_ALLOW_PLAIN=true where the network is your own"
                )
        return self

    @field_validator("amqp_url")
    @classmethod
    def _broker_addresses(cls, value: SecretStr) -> SecretStr:
        for url in value.get_secret_value().split(","):
            check_address(url.strip(), ("amqp", "amqps"), "amqp://user:password@host:5672/vhost")
        return value

    @field_validator("gateway_url")
    @classmethod
    def _websocket_address(cls, value: str) -> str:
        check_address(value, ("ws", "wss"), "wss://host/path")
        return value.rstrip("/")

    @field_validator("gateway_http_url")
    @classmethod
    def _http_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        check_address(value, ("http", "https"), "https://host/path")
        return value.rstrip("/")

    @field_validator("database_url")
    @classmethod
    def _known_store(cls, value: SecretStr) -> SecretStr:
        url = value.get_secret_value()
        if url.startswith("sqlite:"):
            if "#" in url:
                raise ValueError("must be sqlite:///path, with # in the path as %23")
        elif url.startswith(("postgresql://", "postgres://")):
            if url.partition("://")[2][:1] not in {"", "/"}:  # without a host it is this machine's socket
                check_address(url, ("postgresql", "postgres"), "postgresql://user:password@host:5432/database")
        else:
            raise ValueError(f"must be sqlite:///path or postgresql://user@host/database; {ENCODE}")
        return value

    @property
    def gateway_http_base(self) -> str:
        """Base of the gateway's HTTP endpoints, without a slash at its end: where its WebSockets are, unless it is
        given."""
        if self.gateway_http_url is not None:
            return self.gateway_http_url
        return "http" + self.gateway_url.removeprefix("ws")

    @property
    def amqp_urls(self) -> list[str]:
        """The brokers, in the order given."""
        return [url.strip() for url in self.amqp_url.get_secret_value().split(",") if url.strip()]

    @property
    def places_of_a_tenant(self) -> int:
        """Lanes of one tenant that may be served at once."""
        return self.tenant_lanes or (self.max_lanes + 1) // 2

    @property
    def lease(self) -> timedelta:
        """The lease's length."""
        return timedelta(seconds=self.lease_seconds)
