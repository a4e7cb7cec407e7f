"""Who signed a release feed: detached OpenPGP signatures against the one key that the operator supplied.

The key file comes with the deployment and is never fetched; it is taken only if its primary key has the
fingerprint that was pinned. Signing subkeys come and go under that primary key (Flatcar's current one expires
in 2027), so a rotation needs a new key file, not a new pin. A signature says nothing about the version: an old
feed keeps its good signature.
"""

from __future__ import annotations

from datetime import UTC, datetime

from pysequoia import Cert, Sig, verify

from railyard.errors import InvalidSettings, RailyardError

FLATCAR_FINGERPRINT = "F88CFEDEFF29A5B4D9523864E25D9AED0593B34A"
"""Flatcar Buildbot's primary key. Source: flatcar.org, "Image Signing Key" (August 2026)."""


LONGEST_HEADER = 6
"""Bytes before a signature packet's content. Source: RFC 9580, section 4.2."""


class BadSignature(RailyardError):
    """The signature is not one of these bytes by our key; the message says as much as is known."""


class SigningKey:
    """The public key of whoever publishes a feed."""

    def __init__(self, file: bytes, fingerprint: str = "") -> None:
        """Read a key *file*, armored or binary; *fingerprint* is the primary key's, in hexadecimal, Flatcar's if empty.

        Raises:
            InvalidSettings: no key, several keys, another fingerprint, expired or revoked.
        """
        try:
            found = Cert.split_bytes(file)
        except RuntimeError as unreadable:
            raise InvalidSettings(f"the signing key cannot be read: {_first_line(unreadable)}") from None
        if len(found) != 1:
            raise InvalidSettings(f"expected one signing key, found {len(found)}")
        (self._key,) = found
        pinned = (fingerprint or FLATCAR_FINGERPRINT).replace(" ", "").lower()
        if self._key.fingerprint != pinned:
            raise InvalidSettings(f"expected signing key {pinned}, found {self._key.fingerprint}")
        if self._key.is_revoked:
            raise InvalidSettings(f"signing key {pinned} is revoked: get the publisher's new key file")
        self.expires_at = self._key.expiration
        if self.expires_at is not None and self.expires_at <= datetime.now(UTC):
            raise InvalidSettings(f"signing key {pinned} expired at {self.expires_at:%F}: get a new key file")

    def signer(self, content: bytes, signature: bytes) -> str:
        """Return the fingerprint of the (sub)key that signed *content*; *signature* is binary, as in a ``.sig`` file.

        Raises:
            BadSignature: no signature, of other bytes, by another key, by a key not valid when it signed, or
                something behind the signature.
        """
        try:
            read = Sig.from_bytes(signature)
            found = verify(bytes=content, store=lambda _: [self._key], signature=read)
        except RuntimeError as refused:
            raise BadSignature(_first_line(refused), code="bad_signature") from None
        if not signature.endswith(bytes(read)[LONGEST_HEADER:]):
            raise BadSignature("the signature file holds more than a signature", code="bad_signature")
        for valid in found.valid_sigs:
            if valid.certificate == self._key.fingerprint:
                return str(valid.signing_key)
        raise BadSignature("no signature by the pinned key", code="bad_signature")


def _first_line(error: RuntimeError) -> str:
    """Return what the library says; below it stands its own call stack."""
    return str(error).partition("\n")[0]
