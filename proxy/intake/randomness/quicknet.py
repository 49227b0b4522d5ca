"""Whether a drand signature is the network's own: BLS12-381, public key pinned here.

Scheme bls-unchained-g1-rfc9380: signatures in G1, the key in G2, the message hashed to
the curve as in RFC 9380. A BLS signature is unique, so for a round there is one value
and whoever relays it cannot choose. Imported only where mode `drand` is configured: it
needs the extra `drand`.
"""

from hashlib import sha256

from py_arkworks_bls12381 import GT, G1Point, G2Point

DST = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_"
# Part of what QUICKNET_CHAIN is the hash of; a relay is never asked for it.
PUBLIC_KEY = bytes.fromhex(
    "83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c"
    "8c4b450b6a0a6c3ac6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb"
    "5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a"
)


def is_signed(number: int, signature: bytes) -> bool:
    """Whether quicknet signed this round: e(signature, -g2) · e(H(round), key) = 1.

    Reading a point checks that it lies on the curve and in the subgroup.
    """
    try:
        point = G1Point.from_compressed_bytes(signature)
    except ValueError:
        return False
    key = G2Point.from_compressed_bytes(PUBLIC_KEY)
    message = sha256(number.to_bytes(8, "big")).digest()
    hashed = G1Point.hash_to_curve(message, DST)
    return GT.pairing_check([point, hashed], [-G2Point(), key])
