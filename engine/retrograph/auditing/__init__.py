"""Whether two files still compute the same and look at the same things; where they part, and why.

>>> import retrograph as rg
>>> audit = rg.audit("net.onnx", "net.optimised.onnx", "photos/")
>>> print(audit.says, audit.sentence)
"""

from retrograph.auditing.amounts import amount
from retrograph.auditing.audit import audit
from retrograph.auditing.folder import check_audit_folder, save_folder
from retrograph.auditing.junit import junit_report
from retrograph.auditing.result import Audit

__all__ = ["Audit", "amount", "audit", "check_audit_folder", "junit_report", "save_folder"]
