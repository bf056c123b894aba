"""Records of equal length in the framing of a TFRecord file, without TensorFlow: a file is an array that numpy reads.

A record is its length, the length's checksum, its bytes and their checksum, so any reader of TFRecords notices damage.

Source: tensorflow/core/lib/io/record_writer.h, the framing and the mask; RFC 3720, appendix B.4, CRC32C.
"""

import numpy as np
from jaxtyping import UInt8, UInt16, UInt32

POLYNOMIAL = 0x82F63B78  # Castagnoli's, bits reversed
ONES = np.uint32(0xFFFFFFFF)
MASK = np.uint32(0xA282EAD8)  # so that a checksum of bytes that hold checksums stays a good one


def pack(tokens: UInt16[np.ndarray, "n *shape"]) -> bytes:
    """A TFRecord file of one record for each row: its numbers, little-endian."""
    records = np.zeros(len(tokens), _record(tokens.shape[1:]))
    records["tokens"] = tokens
    records["length"] = records.dtype["tokens"].itemsize
    for checked, checksum in (("length", "length_checksum"), ("tokens", "checksum")):
        rows = np.ascontiguousarray(records[checked]).reshape(len(records), -1).view(np.uint8)
        records[checksum] = masked_crc32c(rows)
    return records.tobytes()


def unpack(file: bytes, shape: tuple[int, ...]) -> UInt16[np.ndarray, "n *shape"]:
    """The rows of ``pack``, without a look at their checksums; raises a ValueError for a file that is cut short."""
    return np.frombuffer(file, _record(shape))["tokens"]


def masked_crc32c(rows: UInt8[np.ndarray, "n m"]) -> UInt32[np.ndarray, "n"]:
    """The checksum that TFRecords carry, of each row; all rows take each byte at once."""
    checksum = np.full(len(rows), ONES)
    for column in np.ascontiguousarray(rows.T):
        checksum = TABLE[(checksum ^ column) & 0xFF] ^ (checksum >> 8)
    checksum ^= ONES
    return ((checksum >> 15) | (checksum << 17)) + MASK


def _record(shape: tuple[int, ...]) -> np.dtype:
    return np.dtype([("length", "<u8"), ("length_checksum", "<u4"), ("tokens", "<u2", shape), ("checksum", "<u4")])


def _table() -> UInt32[np.ndarray, "256"]:
    """Of a byte, what it does to a checksum."""
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(POLYNOMIAL), table >> 1)
    return table


TABLE = _table()
