"""What `retrograph scan` prints."""

from __future__ import annotations

import shlex

from rich.console import Console
from rich.text import Text

from retrograph.cli.terminal import print_tables, visible
from retrograph.scanning import ScanReader
from retrograph.scanning.parts import ScanPart
from retrograph.scanning.summary import count_text
from retrograph.scanning.tables import scan_tables


def report(scan: ScanReader | ScanPart, out: Console) -> None:
    """What was found, in tables; of a part where it is and what is to be done with it."""
    if isinstance(scan, ScanPart):
        folder = visible(shlex.quote(str(scan.path.parent)))
        counts = f"{scan.share}: {scan.pictures['good']:,} inputs, {len(scan.problems):,} bad"
        then = f"when all are there: retrograph scan merge {folder} -o {folder}"
        out.print(f"{counts} -> {visible(str(scan.path))}\n{then}", soft_wrap=True)
        return
    out.print(Text(visible(f"{count_text(scan)}: {scan.path}")), soft_wrap=True)
    out.print()
    print_tables(out, scan_tables(scan))
