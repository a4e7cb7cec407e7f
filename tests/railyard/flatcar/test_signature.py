"""Signatures of feeds: ours by the pinned primary key, or refused with a reason; never accepted by luck."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import cache
from random import Random

import pytest
from pysequoia import Cert, SignatureMode, Tsk, sign

from railyard.errors import InvalidSettings
from railyard.flatcar.signature import FLATCAR_FINGERPRINT, BadSignature, SigningKey

FEED = b'{"amis":[{"name":"us-east-1","hvm":"ami-0604fd4b5a31a9e9f"}]}\n'


@cache
def publisher(name: str = "Buildbot") -> Tsk:
    """Return a publisher's key, with its signing subkey."""
    return Tsk.generate(f"{name} <{name}@example.com>")


def public(key: Tsk) -> bytes:
    return bytes(key.extract_certificate())


def signed(content: bytes = FEED, by: Tsk | None = None) -> bytes:
    return sign((by or publisher()).signer(), content, mode=SignatureMode.DETACHED, armor=False)


def fingerprint(key: Tsk) -> str:
    return key.extract_certificate().fingerprint


@pytest.fixture
def key() -> SigningKey:
    return SigningKey(public(publisher()), fingerprint(publisher()))


def test_a_signature_by_a_subkey_of_the_pinned_key_is_good(key: SigningKey) -> None:
    signer = key.signer(FEED, signed())
    assert len(signer) == 40
    assert signer != fingerprint(publisher())


def test_an_armored_key_and_a_fingerprint_in_groups_are_read_too() -> None:
    text = str(publisher().extract_certificate()).encode()
    pin = " ".join(fingerprint(publisher()).upper()[i : i + 4] for i in range(0, 40, 4))
    assert SigningKey(text, pin).signer(FEED, signed())


@pytest.mark.parametrize(
    ("content", "signature"),
    [
        (FEED.replace(b"0604", b"0605"), signed()),
        (FEED, signed(FEED + b" ")),
        (FEED, signed(by=publisher("Mallory"))),
        (FEED, b""),
        (FEED, b"<html>not found</html>"),
        (FEED, signed() + b"x"),
        (b"", signed()),
    ],
    ids=[
        "other bytes",
        "signature of other bytes",
        "foreign key",
        "no signature",
        "a page",
        "more",
        "empty feed",
    ],
)
def test_anything_else_is_refused_in_one_line(key: SigningKey, content: bytes, signature: bytes) -> None:
    with pytest.raises(BadSignature) as refused:
        key.signer(content, signature)
    assert refused.value.code == "bad_signature"
    assert "\n" not in str(refused.value)


def revoked() -> bytes:
    certificate = publisher().extract_certificate()
    return bytes(certificate) + bytes(certificate.revoke(publisher().certifier()))


def test_a_key_that_has_expired_is_refused_with_the_day() -> None:
    short = Tsk.generate("Buildbot <b@example.com>", validity_seconds=1)
    time.sleep(1.1)
    with pytest.raises(InvalidSettings, match=f"expired at {datetime.now(UTC):%F}"):
        SigningKey(public(short), fingerprint(short))


@pytest.mark.parametrize(
    ("file", "why"),
    [
        (b"nonsense", "cannot be read"),
        (b"", "found 0|cannot be read"),
        (public(publisher("Mallory")), "expected signing key"),
        (public(publisher()) + public(publisher("Mallory")), "found 2"),
        (revoked(), "revoked"),
    ],
    ids=["nonsense", "empty", "foreign", "two", "revoked"],
)
def test_a_key_that_may_not_be_trusted_is_refused_with_the_reason(file: bytes, why: str) -> None:
    with pytest.raises(InvalidSettings, match=why):
        SigningKey(file, fingerprint(publisher()))


def test_without_another_pin_only_flatcar_s_key_is_taken() -> None:
    with pytest.raises(InvalidSettings, match=FLATCAR_FINGERPRINT.lower()):
        SigningKey(public(publisher()))


def test_a_key_that_was_merged_with_a_foreign_one_signs_for_neither() -> None:
    with pytest.raises(RuntimeError):
        Cert.from_bytes(public(publisher())).merge(Cert.from_bytes(public(publisher("Mallory"))))


def test_ten_thousand_mutations_of_a_signature_are_refused_but_for_two_bytes_that_decide_nothing(
    key: SigningKey,
) -> None:
    # A signature repeats the first two bytes of the digest as a hint; OpenPGP lets readers ignore it.
    dice, good = Random(5), signed()
    flips = [(at, good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]) for at in range(len(good))]
    hint = [at for at, text in flips if accepted(key, FEED, text)]
    assert len(hint) == 2
    assert hint[1] - hint[0] == 1
    for _ in range(10_000):
        text = mutated(good, dice)
        if accepted(key, FEED, text):
            assert (text[: hint[0]], text[hint[1] + 1 :]) == (good[: hint[0]], good[hint[1] + 1 :])


def accepted(key: SigningKey, content: bytes, signature: bytes) -> bool:
    try:
        key.signer(content, signature)
    except BadSignature:
        return False
    return True


def mutated(text: bytes, dice: Random) -> bytes:
    """Return *text* with one to three bytes flipped, dropped, doubled or cut off."""
    for _ in range(dice.randint(1, 3)):
        at = dice.randrange(max(1, len(text)))
        text = dice.choice(
            [
                text[:at] + bytes([text[at] ^ (1 << dice.randrange(8))]) + text[at + 1 :] if text else b"x",
                text[:at] + text[at + 1 :],
                text[: at + 1] + text[at:],
                text[:at],
            ]
        )
    return text
