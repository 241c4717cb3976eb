"""Seal and open: the one primitive that everything stored goes through."""

from unvoiced.sealing.canonical import Json
from unvoiced.sealing.fernet import is_fernet, open_fernet, parse_fernet_key
from unvoiced.sealing.header import MAGIC, Context, Header, encode_header, parse_header
from unvoiced.sealing.hpke_sealing import Keyring, agrees, open_parsed, open_sealed, seal
from unvoiced.sealing.key_pair import PrivateKey, PublicKey
from unvoiced.sealing.plaintext import Plaintext

__all__ = [
    "MAGIC",
    "Context",
    "Header",
    "Json",
    "Keyring",
    "Plaintext",
    "PrivateKey",
    "PublicKey",
    "agrees",
    "encode_header",
    "is_fernet",
    "open_fernet",
    "open_parsed",
    "open_sealed",
    "parse_fernet_key",
    "parse_header",
    "seal",
]
