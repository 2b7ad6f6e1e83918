"""What an endpoint's certificate is checked against, and the certificate that we show."""

import ssl
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Final, TypeAlias

from msgspec import Struct

from agents.http.errors import Unsendable

PEM: Final = "-----BEGIN"


class TlsIdentity(Struct, frozen=True):
    """One way of speaking TLS; connections are shared only between requests of the same one.

    `ca`, `cert` and `key` are PEM texts or paths of PEM files.
    """

    ca: str | None = None
    insecure: bool = False
    cert: str | None = None
    key: str | None = None

    def __repr__(self) -> str:
        return "TlsIdentity(…)"


PUBLIC: Final = TlsIdentity()
"""The authorities that this machine trusts, and no certificate of ours."""


Stamp: TypeAlias = tuple[int, int, int]
"""What changes with a file: its inode (files are often swapped whole), its size and its time."""


def context(identity: TlsIdentity) -> ssl.SSLContext:
    """The TLS settings of an identity: TLS 1.2 at least. A file that was rotated is read anew.

    Raises Unsendable for keys that cannot be read.
    """
    try:
        return _context(identity, _stamps(identity))
    except (ssl.SSLError, OSError, ValueError):
        raise Unsendable("bad_secret", "found a certificate or key that cannot be read as PEM") from None


@lru_cache(maxsize=1024)
def _context(identity: TlsIdentity, stamps: tuple[Stamp, ...]) -> ssl.SSLContext:
    # A CA that is stated is the only one trusted; without one, this machine's are.
    settings = ssl.create_default_context(cadata=None if identity.ca is None else _pem(identity.ca))
    settings.minimum_version = ssl.TLSVersion.TLSv1_2
    settings.set_alpn_protocols(["http/1.1"])
    if identity.insecure:
        settings.check_hostname = False
        settings.verify_mode = ssl.CERT_NONE
    if identity.cert is not None:
        _show(settings, identity.cert, identity.key)
    return settings


def _stamps(identity: TlsIdentity) -> tuple[Stamp, ...]:
    named = (identity.ca, identity.cert, identity.key)
    found = [Path(one).stat() for one in named if one is not None and not _is_pem(one)]
    return tuple((one.st_ino, one.st_size, one.st_mtime_ns) for one in found)


def _is_pem(pem_or_path: str) -> bool:
    return pem_or_path.lstrip().startswith(PEM)


def _pem(pem_or_path: str) -> str:
    return pem_or_path if _is_pem(pem_or_path) else Path(pem_or_path).read_text(encoding="ascii")


def _show(settings: ssl.SSLContext, cert: str, key: str | None) -> None:
    # OpenSSL's chain loader reads files only; these are gone, and were ours alone, in between.
    with tempfile.TemporaryDirectory(prefix="postcall-") as folder:
        settings.load_cert_chain(
            _file(Path(folder, "cert"), cert), None if key is None else _file(Path(folder, "key"), key)
        )


def _file(path: Path, pem_or_path: str) -> Path:
    if not _is_pem(pem_or_path):
        return Path(pem_or_path)
    path.touch(mode=0o600)
    path.write_text(pem_or_path, encoding="ascii")
    return path
