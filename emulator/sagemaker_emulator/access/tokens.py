"""JSON Web Tokens signed with RS256: made, read, verified."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

PARTS = 3


class NotAToken(ValueError):
    """The text is no token of this kind."""


def made(claims: dict[str, Any], key: RSAPrivateKey, key_id: str) -> str:
    """Return a signed token."""
    head = {"alg": "RS256", "typ": "JWT", "kid": key_id}
    text = ".".join(_packed(json.dumps(part).encode()) for part in (head, claims))
    return f"{text}.{_packed(key.sign(text.encode(), PKCS1v15(), SHA256()))}"


def read(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return head and claims, unverified. Raises NotAToken."""
    parts = token.split(".")
    if len(parts) != PARTS:
        raise NotAToken
    try:
        head, claims = (json.loads(_unpacked(part)) for part in parts[:2])
    except (ValueError, binascii.Error):
        raise NotAToken from None
    if not isinstance(head, dict) or not isinstance(claims, dict):
        raise NotAToken
    return head, claims


def verified(token: str, key: RSAPublicKey) -> bool:
    """Whether the token is signed by the owner of the key, as RS256."""
    text, _, signature = token.rpartition(".")
    try:
        if read(token)[0].get("alg") != "RS256":
            return False
        key.verify(_unpacked(signature), text.encode(), PKCS1v15(), SHA256())
    except (InvalidSignature, binascii.Error, NotAToken):
        return False
    return True


def public(key: RSAPrivateKey, key_id: str) -> dict[str, str]:
    """Return the public half as a JSON Web Key."""
    numbers = key.public_key().public_numbers()
    size = {"n": (key.key_size + 7) // 8, "e": 3}
    values = {name: _packed(getattr(numbers, name).to_bytes(length, "big")) for name, length in size.items()}
    return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": key_id, **values}


def _packed(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unpacked(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
