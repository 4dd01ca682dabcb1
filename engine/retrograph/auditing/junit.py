"""Audits as a report in JUnit's XML, which CI systems show."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from retrograph.auditing.result import Audit
from retrograph.errors import spelled
from retrograph.output import check_free, check_new_folder, make_folder, write_whole


def check_junit(path: Path, *, force: bool = False) -> None:
    """Raises InputError where a report cannot be written there."""
    check_free(path, force=force)
    check_new_folder(path.parent)


def save_junit(audits: Sequence[Audit], path: Path, fail_on: str = "differs") -> None:
    """Write the report of `junit_report`; missing folders are made."""
    make_folder(path.parent)
    write_whole(path, junit_report(audits, fail_on))


def junit_report(audits: Sequence[Audit], fail_on: str = "differs") -> bytes:
    """A test case for each audit, and one for each of its outputs.

    Of an audit that fails the outputs that are off by more than its tolerance fail, too.

    Args:
        audits: of one reference.
        fail_on: from which verdict on a case fails; see `Audit.fails`.

    Returns:
        The XML, as UTF-8.
    """
    suite = ElementTree.Element("testsuite", name="retrograph audit")
    failures = 0
    for audit in audits:
        fails = audit.fails(fail_on)
        failures += fails
        case = _case(suite, audit, "verdict")
        if fails:
            failure = ElementTree.SubElement(case, "failure", message=audit.says)
            failure.text = spelled(audit.sentence)
        for pair in audit.outputs:
            told = f"relative error {pair.error:.1e}, tolerance {audit.tolerance:.1e}"
            case = _case(suite, audit, f"output {pair.b}")
            ElementTree.SubElement(case, "system-out").text = told
            if fails and not pair.error <= audit.tolerance:
                failures += 1
                ElementTree.SubElement(case, "failure", message=told)
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(failures))
    ElementTree.indent(suite)
    report: bytes = ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True)
    return report


def _case(suite: ElementTree.Element, audit: Audit, name: str) -> ElementTree.Element:
    group = f"{audit.b} against {audit.a}"
    return ElementTree.SubElement(suite, "testcase", classname=group, name=name)
