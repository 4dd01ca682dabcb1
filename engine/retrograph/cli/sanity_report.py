"""What `retrograph sanity` prints."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from retrograph.cli.terminal import print_notes, print_tables, visible
from retrograph.sanity_checks import Sanity
from retrograph.sanity_checks.tables import LEGEND, caution, sanity_tables

_SHOWN_INPUTS = 8


def print_report(sanity: Sanity, out: Console) -> None:
    """The tables, what they say in words, and where the plot is."""
    _print_inputs(sanity, out)
    print_tables(out, sanity_tables(sanity))
    findings = sanity.findings
    if findings.randomisation is not None or findings.logit is not None:
        out.print(LEGEND, style="dim")
    print_notes(out, sanity.notes)
    out.print()
    for sentence in findings.words():
        out.print(Text(visible(sentence)))
    out.print(Text(caution(len(sanity.names)), "dim"))
    if sanity.file is not None:
        out.print(f"-> {visible(sanity.file)}", soft_wrap=True)


def _print_inputs(sanity: Sanity, out: Console) -> None:
    pairs = list(zip(sanity.names, sanity.units, strict=True))
    for name, unit in pairs[:_SHOWN_INPUTS]:
        out.print(f"  {visible(name)}: {visible(unit)}", soft_wrap=True)
    if len(pairs) > _SHOWN_INPUTS:
        out.print(f"  and {len(pairs) - _SHOWN_INPUTS} more")
