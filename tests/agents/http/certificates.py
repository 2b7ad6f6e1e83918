"""An authority of its own for each run, and certificates that are right or wrong in one way."""

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@dataclass(frozen=True)
class Certificate:
    """A certificate and its key, as PEM files."""

    cert: Path
    key: Path

    def server(self, client_authority: Path | None = None) -> ssl.SSLContext:
        """The TLS settings of a server that shows it, and may ask the client for one."""
        settings = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        settings.load_cert_chain(self.cert, self.key)
        if client_authority is not None:
            settings.verify_mode = ssl.CERT_REQUIRED
            settings.load_verify_locations(client_authority)
        return settings


class Authority:
    """Issues certificates into a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._root = self._self_signed("root")

    @property
    def cert(self) -> Path:
        """What a client must trust."""
        return self._root.cert

    def issue(self, name: str, host: str, days: int = 2) -> Certificate:
        """A certificate for a host; a negative number of days has passed."""
        cert, key, request = (self._folder / f"{name}.{part}" for part in ("pem", "key", "csr"))
        extensions = self._folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName=DNS:{host}")
        subject = ["-subj", f"/CN={host}", *NEW_KEY]
        _openssl("req", "-new", *subject, "-keyout", key, "-out", request)
        signer = ["-CA", self._root.cert, "-CAkey", self._root.key, "-CAcreateserial", "-days", str(days)]
        _openssl("x509", "-req", "-in", request, *signer, "-out", cert, "-extfile", extensions)
        return Certificate(cert, key)

    def self_signed(self) -> Certificate:
        """A certificate that nobody vouches for."""
        return self._self_signed("self-signed")

    def _self_signed(self, name: str) -> Certificate:
        cert, key = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        _openssl("req", "-x509", *NEW_KEY, "-subj", f"/CN={name}", "-days", "2", "-keyout", key, "-out", cert)
        return Certificate(cert, key)


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
