"""The table of VJP cases: every operator with a rule, in every form that exporters write."""

from __future__ import annotations

from support.vjp_case import Case
from tables import (
    vjp_cases_arithmetic,
    vjp_cases_attention,
    vjp_cases_blocked,
    vjp_cases_control,
    vjp_cases_functions,
    vjp_cases_more,
    vjp_cases_old,
    vjp_cases_parameters,
    vjp_cases_places,
    vjp_cases_recurrent,
    vjp_cases_regions,
    vjp_cases_resize,
    vjp_cases_sampling,
    vjp_cases_sequence,
    vjp_cases_shape,
    vjp_cases_simple,
    vjp_cases_spectral,
    vjp_cases_window,
)

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
