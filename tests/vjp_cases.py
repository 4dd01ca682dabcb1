"""The table of VJP cases: every operator with a rule, in every form that exporters write."""

from __future__ import annotations

import vjp_cases_arithmetic
import vjp_cases_more
import vjp_cases_old
import vjp_cases_shape
import vjp_cases_window
from vjp_case import Case

CASES: list[Case] = [
    *vjp_cases_window.CASES,
    *vjp_cases_arithmetic.CASES,
    *vjp_cases_shape.CASES,
    *vjp_cases_old.CASES,
    *vjp_cases_more.CASES,
]
