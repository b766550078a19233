"""Makes the files of PyTables, pandas and netCDF4 of this folder: `python make_tables.py FOLDER`."""

from __future__ import annotations

import gzip
import os
import sys
from pathlib import Path

import netCDF4
import numpy as np
import pandas as pd
import tables

TARGET = Path(sys.argv[1])


class Touches:
    """Touches a marker file when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch momus-marker",)


def main() -> None:
    TARGET.mkdir(parents=True, exist_ok=True)
    frame = pd.DataFrame({"a": np.arange(10.0), "b": ["x", "y"] * 5})
    frame.to_hdf(TARGET / "pandas_fixed.h5", key="df")
    frame.to_hdf(TARGET / "pandas_table.h5", key="df", format="table")
    frame[["a"]].to_hdf(TARGET / "pandas_blosc.h5", key="df", complevel=5, complib="blosc")
    with tables.open_file(TARGET / "tables_attribute.h5", "w") as made:
        made.root._v_attrs.x = {"a": 1}
        made.root._v_attrs.title = "A sentence."
    with tables.open_file(TARGET / "tables_attribute_bad.h5", "w") as made:
        made.root._v_attrs.x = Touches()
    with tables.open_file(TARGET / "tables_array_bad.h5", "w") as made:
        made.create_vlarray("/", "v", tables.ObjectAtom()).append(Touches())
    with netCDF4.Dataset(TARGET / "netcdf.nc", "w") as made:
        made.createDimension("x", 10)
        made.createVariable("x", "f4", ("x",))[:] = 1
    for name in ("pandas_fixed.h5", "pandas_table.h5", "tables_array_bad.h5"):
        (TARGET / f"{name}.gz").write_bytes(gzip.compress((TARGET / name).read_bytes(), mtime=0))
        (TARGET / name).unlink()


if __name__ == "__main__":
    main()
