"""A pickle that would leave a file behind if anybody opened it, under the magic bytes that such files come with."""

import io
import os
import pickle
import struct
import zipfile
from pathlib import Path


class _Canary:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (str(self.path),))


def pickles(canary: Path) -> dict[str, bytes]:
    """The same trap in every wrapping in which a weights file may hold it."""
    found = {f"protocol {n}": pickle.dumps(_Canary(canary), protocol=n) for n in range(6)}
    trap = found["protocol 2"]
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as writer:
        writer.writestr("archive/data.pkl", trap)
        writer.writestr("archive/version", "3\n")
    header = b'{"__metadata__":{"format":"pt"}}'
    return found | {
        "torch zip": archive.getvalue(),
        "after a safetensors header": struct.pack("<Q", len(header)) + header + trap,
        "numpy object array": b"\x93NUMPY\x01\x00"
        + struct.pack("<H", 60)
        + b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(59)
        + b"\n"
        + trap,
    }
