"""Parquet files of events: a file, a pattern, or a folder to which files are added."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from momus.core.errors import DataError, MissingExtra
from momus.monitor.decode import Decoder
from momus.monitor.log_files import age, matching
from momus.monitor.source import Aside, Keep, Position, Taken, finish

_UNREAD = "unreadable file"


class ParquetFiles:
    """Files in the order of their names, each from its first row group on; files that come later are read then.

    A file is complete when it appears under its name. A file that is no Parquet is left out, counted and named in
    ``told``; one whose size changes is a new one.
    """

    def __init__(self, pattern: Path, decoder: Decoder) -> None:
        try:
            import pyarrow.parquet  # noqa: F401 - asked for before the watch begins
        except ModuleNotFoundError as error:
            raise MissingExtra.of("reading Parquet", "tables", "pyarrow") from error
        self._pattern = pattern
        self._decoder = decoder
        self._rows: Iterator[dict[str, Any]] = iter(())
        self._stands: tuple[str, int] | None = None  # file and row at which ``_rows`` goes on
        self._mean = 0.0
        self.told: tuple[str, ...] = ()

    def read(self, after: Position, most: int, keep: Keep | None = None) -> Taken:
        """The next rows."""
        files = self._files()
        entries: dict[str, list[int]] = {k: list(v) for k, v in after.get("files", {}).items() if k in files}
        aside = Aside()
        rows: list[dict[str, Any]] = []
        for name, size in files.items():
            entry = entries.setdefault(name, [size, 0, 0])
            if entry[0] != size:
                entry[:] = [size, 0, 0]
            if entry[2]:
                continue
            self._from(name, entry, most, rows, aside)
            if len(rows) >= most:
                break
        return finish(self._decoder, rows, {"files": entries}, aside, keep, rows=True)

    def _from(self, name: str, entry: list[int], most: int, rows: list[dict[str, Any]], aside: Aside) -> None:
        try:
            if self._stands != (name, entry[1]):
                self._rows = self._open(name, entry[1])
            before = len(rows)
            for row in self._rows:
                rows.append(row)
                if len(rows) >= most:
                    break
            else:
                entry[2] = 1
            entry[1] += len(rows) - before
            self._stands = (name, entry[1])
        except DataError as error:
            entry[2] = 1
            aside.before(len(rows), _UNREAD)
            self.told = (*self.told[-9:], str(error))

    def _open(self, name: str, row: int) -> Iterator[dict[str, Any]]:
        """Rows of a file from one on; whole row groups before it are not read."""
        import pyarrow
        from pyarrow import parquet

        try:
            with parquet.ParquetFile(name) as file:
                skip = row
                for group in range(file.num_row_groups):
                    held = file.metadata.row_group(group).num_rows
                    if skip >= held:
                        skip -= held
                        continue
                    for batch in file.iter_batches(batch_size=4096, row_groups=[group]):
                        if skip >= batch.num_rows:
                            skip -= batch.num_rows
                            continue
                        yield from _plain(batch.slice(skip))
                        skip = 0
        except (pyarrow.ArrowException, OSError) as error:
            message = " ".join(str(error).split())[:160]
            raise DataError(f"not a readable Parquet file: {message}", code="data/parquet", place=name) from error

    def _files(self) -> dict[str, int]:
        """Names and sizes, in order."""
        found = {}
        if self._pattern.is_dir():
            paths = sorted(
                (p for ending in ("*.parquet", "*.pq") for p in self._pattern.glob(ending) if p.is_file()), key=age
            )
        else:
            paths = matching(self._pattern.parent, self._pattern.name)
        for path in paths:
            try:
                found[str(path.absolute())] = path.stat().st_size
            except OSError:
                continue
        return found

    def waiting(self, after: Position) -> int:
        """Rows of files that are not finished."""
        import pyarrow
        from pyarrow import parquet

        entries = after.get("files", {})
        left = 0
        for name, size in self._files().items():
            held, row, over = entries.get(name, (size, 0, 0))
            if held == size and over:
                continue
            try:
                left += max(1, parquet.read_metadata(name).num_rows - (row if held == size else 0))
            except (pyarrow.ArrowException, OSError):
                left += 1
        return left

    def passed(self, position: Position) -> None:
        """Files belong to whoever writes them: nothing is removed."""

    def done(self, after: Position) -> bool:
        """What was there is read."""
        return True

    def final(self) -> None:
        """Files are complete as they are."""

    def close(self) -> None:
        self._rows, self._stands = iter(()), None


def _plain(batch: Any) -> list[dict[str, Any]]:
    """Rows of a record batch; moments as seconds since 1970."""
    import pyarrow

    columns = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if pyarrow.types.is_timestamp(column.type):
            column = column.cast(pyarrow.timestamp("us", tz=column.type.tz), safe=False)
            values = column.cast(pyarrow.int64()).to_pylist()
            columns[name] = [None if v is None else v / 1e6 for v in values]
        else:
            columns[name] = column.to_pylist()
    names = list(columns)
    return [dict(zip(names, values, strict=True)) for values in zip(*columns.values(), strict=True)]
