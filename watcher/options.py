"""The knobs: one frozen model per room, each with its default and its one-line comment.

Rooms take these as plain values; only `settings` reads them from a file or the environment.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Options(BaseModel):
    """The base of every section: frozen, unknown keys refused, comments kept as descriptions."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class IntakeOptions(Options):
    """`[intake]`: what is picked up, and when it counts as whole."""

    root: Path = Path("local_dcm")
    """Folder with one sub-folder per customer; modalities and PACS drop files there."""
    scan_every: float = Field(10.0, gt=0)
    """Seconds between two full scans; the scan is the truth, events only make it fast."""
    quiet_after_close: float = Field(0.0, ge=0)
    """Seconds a file must be at rest after a close or rename event before it is tried."""
    quiet_without_close: float = Field(2.0, ge=0)
    """Seconds a file must be at rest when no close or rename was seen."""
    quiet_when_empty: float = Field(30.0, ge=0)
    """Seconds a file must stay empty before it is taken, and quarantined, as it is."""
    act_anyway_after: float = Field(120.0, gt=0)
    """Seconds after which a file that never comes to rest is tried all the same."""
    watch: Literal["auto", "events", "scan"] = "auto"
    """auto: events on local disks, only scans on network mounts; the others force either way."""
    give_up_after: float = Field(3600.0, gt=0)
    """Seconds without change after which a file that is not whole is quarantined as truncated."""
    temporary_suffixes: tuple[str, ...] = (
        ".part",
        ".partial",
        ".tmp",
        ".temp",
        ".filepart",
        ".crdownload",
    )
    """Names with these endings, and hidden names, are a sender's work in progress: never taken."""
    conflict: Literal["quarantine", "replace"] = "quarantine"
    """The same SOP Instance UID with other bytes: a person decides, or it is sent as well."""
    stale_after: float = Field(86_400.0, gt=0)
    """Seconds after which such a work in progress is shown as stale."""


class Limits(Options):
    """`[limits]`: bounds on one file, checked before pixel work; beyond them it is quarantined."""

    file_bytes: int = Field(8 << 30, gt=0)
    """Bytes of one source file."""
    header_bytes: int = Field(256 << 20, gt=0)
    """Bytes of one data set without its Pixel Data."""
    inflated_bytes: int = Field(2 << 30, gt=0)
    """Bytes that a deflated data set may grow to."""
    inflate_ratio: float = Field(200.0, gt=1)
    """How many times its own size a deflated data set may grow."""
    elements: int = Field(200_000, gt=0)
    """Data elements of one file, nested ones included."""
    depth: int = Field(32, gt=0)
    """Levels of nested sequences."""
    rows: int = Field(65_535, gt=0)
    """Rows of one frame."""
    columns: int = Field(65_535, gt=0)
    """Columns of one frame."""
    frames: int = Field(20_000, gt=0)
    """Frames of one Instance."""
    frame_bytes: int = Field(1 << 30, gt=0)
    """Bytes of one decoded frame."""


class ScrubOptions(Options):
    """`[scrub]`: the Confidentiality Profile, its options and what a site adds to it."""

    recipe: Path | None = None
    """A site's own deid recipe, applied on top of the shipped one."""
    loosened: tuple[str, ...] = ()
    """Fields, as that recipe writes them, where it may clean less than the shipped one."""
    clean_descriptors: bool = True
    """Clean Descriptors Option: free text keeps its clinical words; false removes it."""
    clean_structured_content: bool = True
    """Clean Structured Content Option: items of content are cleaned; false empties them."""
    clean_graphics: bool = True
    """Clean Graphics Option: annotation text is cleaned; overlays and curves go either way."""
    dates: Literal["modified", "full", "removed"] = "modified"
    """modified: moved by a keyed number of days per patient, intervals kept; full: as they are."""
    keep_patient_characteristics: bool = True
    """Retain Patient Characteristics Option: sex, age (above 89 as 090Y), size, weight, ..."""
    keep_device_identity: bool = False
    """Retain Device Identity Option: station, serial numbers, calibration."""
    keep_institution_identity: bool = False
    """Retain Institution Identity Option: name, address, department, trial site."""
    keep_uids: bool = False
    """Retain UIDs Option: original UIDs stay; anyone who holds the source can link them."""
    keep_safe_private: bool = True
    """Retain Safe Private Option: private elements known to be safe by creator and number."""
    issuer_distinguishes: bool = False
    """Patient IDs of different issuers are different patients, even within one customer."""


_SIDES = ("L", "R", "LT", "RT", "LEFT", "RIGHT", "A", "P", "H", "F")
_VIEWS = ("AP", "PA", "LAT", "MLO", "CC", "LCC", "RCC", "LMLO", "RMLO")
_POSITIONS = ("ERECT", "UPRIGHT", "SUPINE", "PRONE", "SITTING", "PORTABLE")
_UNITS = ("KV", "KVP", "MA", "MAS", "MM", "CM", "HZ", "MHZ", "DB", "FPS")


class PixelOptions(Options):
    """`[pixels]`: burned-in text, what is read, what may stay."""

    recipe: Path | None = None
    """A site's own device regions, in deid's recipe language."""
    markers: tuple[str, ...] = _SIDES + _VIEWS + _POSITIONS + _UNITS
    """Words that may stay in a picture when they are read with certainty; [] keeps none."""
    full_readings: int = Field(8, ge=1)
    """How many frames of one Instance are read by the slow reader too; all are by the fast one."""


class RenderOptions(Options):
    """`[render]`: what the PNG shows."""

    mode: Literal["display", "lossless"] = "display"
    """display: 8 bits as a viewer shows it; lossless: the stored values, bit-exact."""


class DeliverOptions(Options):
    """`[deliver]`: the backend, and how hard it is tried."""

    # Somebody will put a token where only its place belongs: the refusal must not repeat it.
    model_config = ConfigDict(hide_input_in_errors=True)

    url: str = "embedded"
    """The backend's base URL, or "embedded" for the reference receiver inside this process."""
    concurrency: int = Field(4, ge=1, le=256)
    """Requests under way at once to one destination."""
    path: str = Field("/v1/images/upload", pattern=r"^/[!-~]*$")
    """Where images are posted, below the base URL."""
    batch_images: int = Field(64, ge=1, le=4096)
    """Images of one series in one request at most."""
    batch_bytes: int = Field(32 << 20, ge=1)
    """Bytes of one request at most, as base64; one image beyond it still goes, alone."""
    batch_linger: float = Field(0.1, ge=0, le=60)
    """Seconds an image waits for its neighbours while its series is being sent or prepared."""
    connect_timeout: float = Field(10.0, gt=0)
    """Seconds for the name look-up, the connection and the TLS handshake."""
    stall_timeout: float = Field(30.0, gt=0)
    """Seconds without the backend taking a further byte before the request is given up."""
    answer_timeout: float = Field(120.0, gt=0)
    """Seconds the backend may take to answer once it has the whole request."""
    slowest: int = Field(16 << 10, ge=1)
    """Bytes a second below which a request is given up; large requests get longer by it."""
    retry_first: float = Field(1.0, gt=0)
    """Seconds before the second try; later ones spread out at random from here."""
    retry_longest: float = Field(900.0, gt=0)
    """Seconds between two tries at most, unless the backend asks for more with Retry-After."""
    attempts: int = Field(100, ge=1)
    """Tries after which an image that the backend keeps failing on is quarantined."""
    split_after: int = Field(3, ge=1)
    """Tries after which a batch that the backend keeps failing on is split; ten times as many when
    one of them may have been accepted unheard."""
    breaker_after: int = Field(5, ge=1)
    """Failures in a row after which a destination rests, and is then probed with one request."""
    breaker_rest: float = Field(5.0, gt=0)
    """Seconds of the first rest; it doubles with each failed probe up to `retry_longest`."""
    idempotency: Literal["key", "conflict", "ask"] = "key"
    """key: the backend honours Idempotency-Key; conflict: its 409 means "already have it";
    ask: it is asked by `ask_path` before an image is sent again."""
    ask_path: str = Field("/v1/images/{imageInstanceUid}", pattern=r"^/[!-~]*$")
    """What is asked with GET when `idempotency` is "ask": 200 means held, 404 means not."""
    tls_ca: Path | None = None
    """PEM file of the authorities to trust instead of the system's."""
    tls_certificate: Path | None = None
    """PEM file of our own certificate, for mutual TLS."""
    tls_key: Path | None = None
    """PEM file of its private key; readable by its owner only."""
    tls_pins: tuple[str, ...] = ()
    """SHA-256 of the public keys (SPKI, base64) of which the backend must show one."""
    plain_http_hosts: tuple[str, ...] = ()
    """Hosts that may be spoken to without TLS; loopback always may."""
    auth: Literal["none", "bearer", "api-key", "oauth2"] = "none"
    """How we identify ourselves."""
    secret: str = Field("", pattern=r"^((file|env):.+)?$")
    """Where the token, key or client secret is: file:PATH or env:NAME, never itself."""
    api_key_header: str = Field("X-API-Key", pattern=r"^[A-Za-z0-9-]+$")
    """The header that carries the API key."""
    oauth_token_url: str = ""
    """The token endpoint for OAuth2 client credentials."""
    oauth_client_id: str = ""
    """Our client id there."""
    oauth_scope: str = ""
    """The scope to ask for, if any."""
    proxy: str = ""
    """HTTP proxy to go through; the environment's proxy variables are ignored."""
    proxy_secret: str = Field("", pattern=r"^((file|env):.+)?$")
    """Where the proxy's user:password is: file:PATH or env:NAME."""
    bytes_per_second: int = Field(0, ge=0)
    """Bandwidth cap of this destination; 0 means none."""
    hours: tuple[str, ...] = ()
    """Local times in which images are sent, e.g. "19:00-07:00"; empty means always."""
    contract: Path | None = None
    """The backend's own OpenAPI document, to be compared with ours at start."""
    contract_check: Literal["refuse", "warn"] = "refuse"
    """What a breaking difference does to the start."""


class WorkerOptions(Options):
    """`[workers]`: the processes that touch bytes from outside."""

    processes: int = Field(0, ge=0, le=512)
    """Worker processes; 0 means one per core. One more is kept for whoever has nothing in work."""
    timeout: float = Field(300.0, gt=0)
    """Seconds one file may take before its worker is killed and the file is quarantined."""
    memory: int = Field(4 << 30, ge=256 << 20)
    """Bytes of address space one worker may use on top of what it starts with."""
    attempts: int = Field(3, ge=1)
    """How often a file that kills its worker, or fails unexpectedly, is tried before quarantine."""


class ArchiveOptions(Options):
    """`[archive]`: what becomes of an original after its acknowledgement is durable."""

    after_delivery: Literal["archive", "delete", "keep"] = "archive"
    """archive: moved under state/archive; delete: removed; keep: left where it was dropped."""
    keep_outbox: bool = False
    """Keep the cleaned DICOM, PNG and base64 text after delivery."""
    keep_days: float = Field(0.0, ge=0)
    """Days after which acknowledged files in archive and outbox go, and decided ones in
    quarantine; 0 keeps them."""
    keep_bytes: int = Field(0, ge=0)
    """Bytes of such files in each of the three beyond which the oldest go; 0 sets no bound."""


class DiskOptions(Options):
    """`[disk]`: how the box behaves before its disk is full."""

    stop_below: int = Field(1 << 30, ge=0)
    """Free bytes below which nothing new is prepared; what is staged is still sent."""
    resume_above: int = Field(2 << 30, ge=0)
    """Free bytes above which preparing resumes by itself."""
    ballast: int = Field(16 << 20, ge=0)
    """Bytes set aside, given back when the disk is full so that the ledger can still write."""


class LogOptions(Options):
    """`[log]`: what is written about the work."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least severe line that is written."""
    file_bytes: int = Field(64 << 20, ge=1 << 16)
    """Bytes of one log file; then it is put aside and a new one is begun."""
    files: int = Field(10, ge=1, le=1000)
    """How many log files put aside are kept."""
    console: bool = True
    """Also write readable lines to the terminal (standard error)."""


class ObserveOptions(Options):
    """`[observe]`: the page, /livez, /readyz and /metrics, and who may ask for them."""

    listen: str = Field("127.0.0.1:8640", pattern=r"^(off|socket|\S+:\d{1,5})$")
    """HOST:PORT, "socket" for state/http.sock (its owner only), or "off"."""
    token_file: Path | None = None
    """File (mode 0600) with the token that a browser or scraper must show; none: loopback only."""
    tls_certificate: Path | None = None
    """PEM file of the page's own certificate, for other machines."""
    tls_key: Path | None = None
    """PEM file of its private key; readable by its owner only."""
    plain_http: bool = False
    """Serve other machines without TLS: for a container whose port is published on loopback."""
