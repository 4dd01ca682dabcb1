"""Files of arrays that are sent: .npy and .npz. They are bounded, and objects are not unpickled."""

from __future__ import annotations

import io
import math
import zipfile
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from retrograph.errors import InputError, one_line
from retrograph.serving.refusals import Refused

NPY: Final = np.lib.format.MAGIC_PREFIX
NPZ: Final = b"PK\x03\x04"


def is_arrays(data: bytes) -> bool:
    """Whether bytes begin as a file of arrays."""
    return data.startswith((NPY, NPZ))


def read_arrays(name: str, data: bytes, most: int) -> NDArray[Any] | dict[str, NDArray[Any]]:
    """The array in an .npy, or those in an .npz by their names.

    Args:
        name: of the file, for messages.
        data: its bytes.
        most: how many bytes the arrays of an .npz may have.

    Raises:
        InputError: it is damaged, or holds objects.
        Refused: the arrays are too large.
    """
    return read_npy(name, data) if data.startswith(NPY) else _read_npz(name, data, most)


def _read_npz(name: str, data: bytes, most: int) -> dict[str, NDArray[Any]]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            if sum(member.file_size for member in members) > most:
                raise Refused(413, f"the arrays of {name} have more than {most} bytes")
            return {
                member.filename.removesuffix(".npy"): read_npy(
                    f"{member.filename} in {name}", archive.read(member)
                )
                for member in members
            }
    except (InputError, Refused):
        raise
    except Exception as error:  # on damaged data zipfile raises nearly anything
        raise InputError(
            f"{name} is no .npz that can be read ({one_line(error)}); save it with numpy.savez"
        ) from None


def read_npy(name: str, data: bytes) -> NDArray[Any]:
    """The array in an .npy, without a copy.

    Raises:
        InputError: it is damaged, or holds objects.
    """
    file = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(file)
        header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, is_fortran, dtype = header(file)
        if dtype.hasobject:
            raise ValueError("it holds objects")
        values = np.frombuffer(data, dtype, math.prod(shape), file.tell())
        return values.reshape(shape, order="F" if is_fortran else "C")
    except Exception as error:  # on damaged data its reader raises nearly anything
        raise InputError(
            f"{name} is no .npy that can be read ({one_line(error)}); save it with numpy.save"
        ) from None
