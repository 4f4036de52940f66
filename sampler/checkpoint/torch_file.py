"""Open what torch.save wrote, in both of its formats, without running code and with no more memory than the file is worth.

torch's own reader runs no code either, but it makes whatever a file asks for, and a few bytes may ask for all memory, or
for hours. So what a file asks for is looked at first.
"""

import io
import pickle
import pickletools
import tarfile
import zipfile
from encodings import normalize_encoding
from pathlib import Path
from typing import BinaryIO

import torch

from .error import CheckpointError

__all__ = ["open_torch"]

# Of the pickle that lists the tensors; training files of large networks, optimizer and all, have half a megabyte.
MOST_BYTES = 8 * 1024 * 1024
MOST_CALLS = 200_000  # tensors and dictionaries that it makes
PICKLES = 5  # in a file of the format before PyTorch 1.6, one after another before the numbers
CALLS = {"REDUCE", "NEWOBJ", "BUILD"}
# What torch's reader allows and a few bytes make endless: room for any number of bytes, encodings of quadratic time.
ROOM = {"builtins bytearray", "__builtin__ bytearray"}
SLOW_ENCODINGS = {"punycode", "idna"}

OBJECTS = (
    "This file holds Python objects besides tensors, which could run code when opened; re-save the weights alone with "
    "torch.save(model.state_dict(), ...), or as .safetensors."
)
PERSISTENT = (
    "This file is a pickle of NVlabs' (EDM, StyleGAN), which holds a program and runs it when opened; its networks take noise "
    "of another kind and are not read here."
)
DAMAGED = "This file is damaged or cut short; download it again."
OTHER = "This file is not a PyTorch checkpoint, or is damaged; download it again."
PACKED = "This file is a compressed archive, which torch.save never writes; unpack it, or save the weights again."
PROGRAM = "This file is a TorchScript program, not weights; save its state_dict() with torch.save."
OLD = "This file is of the tar format of PyTorch 0.1, which could run code when opened; save it again with a later one."
LARGE = "This file's list of tensors is larger than that of any network; save the weights alone again."


def open_torch(path: Path) -> object:
    """The content of a file of torch.save; maps zip files, reads the older format whole.

    Raises:
        CheckpointError: It holds code, is damaged, or asks for more than a checkpoint does.
    """
    try:
        zipped = look_through(path)
        return torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
    except CheckpointError:
        raise
    except pickle.UnpicklingError as error:
        why = str(error).lower()
        told = OTHER if "unsupported operand" in why else PERSISTENT if "torch_utils.persistence" in why else OBJECTS
        raise CheckpointError(told) from error
    except Exception as error:  # a damaged file makes the reader stumble over almost anything
        raise CheckpointError(DAMAGED) from error


def look_through(path: Path) -> bool:
    """Whether a file is of the newer format, a zip; raises CheckpointError for what torch's reader must not be given."""
    with path.open("rb") as file:
        if file.read(4) == b"PK\x03\x04":
            look_through_zip(file, path.stat().st_size)
            return True
        file.seek(0)
        try:
            tarfile.open(fileobj=file, mode="r:").close()
        except tarfile.TarError:
            pass
        else:
            raise CheckpointError(OLD)
        file.seek(0)
        for _ in range(PICKLES):
            if not look_through_pickle(file):
                break
    return False


def look_through_zip(file: BinaryIO, size: int) -> None:
    """Nothing in it may be compressed, or be there twice: then all of it is as large as the file at most."""
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        if any(m.compress_type != zipfile.ZIP_STORED or m.file_size != m.compress_size for m in members):
            raise CheckpointError(PACKED)
        if sum(m.file_size for m in members) > size:
            raise CheckpointError(DAMAGED)
        for member in members:
            name = member.filename.rpartition("/")[2]
            if name == "constants.pkl":
                raise CheckpointError(PROGRAM)
            if name == "data.pkl":
                if member.file_size > MOST_BYTES:
                    raise CheckpointError(LARGE)
                look_through_pickle(io.BytesIO(archive.read(member)))


def look_through_pickle(file: BinaryIO) -> bool:
    """Whether there is a pickle that ends; raises CheckpointError for one that asks for too much."""
    start, calls = file.tell(), 0
    try:
        for operation, argument, _ in pickletools.genops(file):
            calls += operation.name in CALLS
            if calls > MOST_CALLS or file.tell() - start > MOST_BYTES:
                raise CheckpointError(LARGE)
            if argument in ROOM and operation.name == "GLOBAL":
                raise CheckpointError(OBJECTS)
            if isinstance(argument, str) and normalize_encoding(argument[:32]).lower() in SLOW_ENCODINGS:
                raise CheckpointError(OBJECTS)
    except CheckpointError:
        raise
    except ValueError:  # no pickle, or half of one: torch's reader comes no further
        return False
    return True
