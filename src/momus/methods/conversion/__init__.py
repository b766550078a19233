"""Files that may run code into files that cannot, with proof that they hold the same. Nothing here unpickles."""

from __future__ import annotations

from momus.methods.conversion.checkpoint import Checkpoint, read_checkpoint
from momus.methods.conversion.comparing import compare_tensors
from momus.methods.conversion.plain_arrays import read_arrays, write_npz
from momus.methods.conversion.remedies import Remedy, remedy
from momus.methods.conversion.safetensors_file import Tensor, read_safetensors, write_safetensors

__all__ = [
    "Checkpoint",
    "Remedy",
    "Tensor",
    "compare_tensors",
    "read_arrays",
    "read_checkpoint",
    "read_safetensors",
    "remedy",
    "write_npz",
    "write_safetensors",
]
