"""Whether two files still compute the same and look at the same things; where they part, and why.

>>> import retrograph as rg
>>> audit = rg.audit("net.onnx", "net.optimised.onnx", "photos/")
>>> print(audit.says, audit.sentence)
"""

from retrograph.auditing.amounts import amount
from retrograph.auditing.audit import audit
from retrograph.auditing.files import audit_files
from retrograph.auditing.files_result import FileAudits
from retrograph.auditing.folder import check_audit_folder, save_folder
from retrograph.auditing.index_page import save_files
from retrograph.auditing.junit import check_junit, junit_report, save_junit
from retrograph.auditing.result import Audit

__all__ = [
    "Audit",
    "FileAudits",
    "amount",
    "audit",
    "audit_files",
    "check_audit_folder",
    "check_junit",
    "junit_report",
    "save_files",
    "save_folder",
    "save_junit",
]
