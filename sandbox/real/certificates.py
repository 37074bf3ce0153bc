"""The keys of one control plane: a certificate authority, the server's certificate, and the service-account key pair."""

from __future__ import annotations

from pathlib import Path

import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa


class Keys:
    """Files in `folder`; the authority is made anew with each object."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ca = trustme.CA()
        self.ca_file = folder / "ca.pem"
        self.cert_file, self.key_file = folder / "tls.crt", folder / "tls.key"
        self.account_key, self.account_public = folder / "sa.key", folder / "sa.pub"

    @property
    def ca_pem(self) -> bytes:
        """What clients must trust."""
        return self._ca.cert_pem.bytes()

    def write(self) -> None:
        """Writes all of them."""
        self.ca_file.write_bytes(self.ca_pem)
        self.renew()
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.account_key.write_bytes(private)
        self.account_public.write_bytes(public)

    def renew(self, *, stranger: bool = False) -> None:
        """Another server certificate; `stranger`: of an authority that no client trusts."""
        authority = trustme.CA() if stranger else self._ca
        made = authority.issue_cert("127.0.0.1", "localhost", "kubernetes.default.svc")
        self.cert_file.write_bytes(b"".join(pem.bytes() for pem in made.cert_chain_pems))
        self.key_file.write_bytes(made.private_key_pem.bytes())
