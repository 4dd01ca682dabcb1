"""The table of VJP cases: every operator with a rule, in every form that exporters write."""

from __future__ import annotations

import vjp_cases_arithmetic
import vjp_cases_attention
import vjp_cases_blocked
import vjp_cases_control
import vjp_cases_functions
import vjp_cases_more
import vjp_cases_old
import vjp_cases_parameters
import vjp_cases_places
import vjp_cases_recurrent
import vjp_cases_regions
import vjp_cases_resize
import vjp_cases_sampling
import vjp_cases_sequence
import vjp_cases_shape
import vjp_cases_simple
import vjp_cases_spectral
import vjp_cases_window
from vjp_case import Case

CASES: list[Case] = [
    *vjp_cases_window.CASES,
    *vjp_cases_blocked.CASES,
    *vjp_cases_arithmetic.CASES,
    *vjp_cases_shape.CASES,
    *vjp_cases_sequence.CASES,
    *vjp_cases_simple.CASES,
    *vjp_cases_old.CASES,
    *vjp_cases_more.CASES,
    *vjp_cases_functions.CASES,
    *vjp_cases_control.CASES,
    *vjp_cases_attention.CASES,
    *vjp_cases_parameters.CASES,
    *vjp_cases_places.CASES,
    *vjp_cases_regions.CASES,
    *vjp_cases_resize.CASES,
    *vjp_cases_sampling.CASES,
    *vjp_cases_spectral.CASES,
    *vjp_cases_recurrent.CASES,
]
