"""Every net whose class activation map is known."""

from __future__ import annotations

from tables import cam_cases_inputs, cam_cases_layers

CASES = {**cam_cases_layers.CASES, **cam_cases_inputs.CASES}
