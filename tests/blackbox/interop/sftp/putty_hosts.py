"""Prints the keys of a known_hosts file as PuTTY keeps them: by their numbers."""

import base64
import struct
import sys

known_hosts, port = sys.argv[1:]


def fields(blob):
    while blob:
        (length,) = struct.unpack(">I", blob[:4])
        yield blob[4 : 4 + length]
        blob = blob[4 + length :]


def x_of_ed25519(y, odd):
    """The other coordinate of a point (RFC 8032, section 5.1.3)."""
    p = 2**255 - 19
    d = -121665 * pow(121666, -1, p) % p
    square = (y * y - 1) * pow(d * y * y + 1, -1, p) % p
    x = pow(square, (p + 3) // 8, p)
    if (x * x - square) % p:
        x = x * pow(2, (p - 1) // 4, p) % p
    return x if x % 2 == odd else p - x


for line in open(known_hosts):
    kind, blob = line.split()[1:3]
    parts = list(fields(base64.b64decode(blob)))
    if kind == "ssh-ed25519":
        number = int.from_bytes(parts[1], "little")
        y = number & (2**255 - 1)
        print(f"{kind}@{port}:127.0.0.1 {x_of_ed25519(y, number >> 255):#x},{y:#x}")
    elif kind.startswith("ecdsa-sha2-"):
        half = (len(parts[2]) - 1) // 2
        x, y = parts[2][1 : 1 + half], parts[2][1 + half :]
        x, y = int.from_bytes(x, "big"), int.from_bytes(y, "big")
        print(f"{kind}@{port}:127.0.0.1 {parts[1].decode()},{x:#x},{y:#x}")
