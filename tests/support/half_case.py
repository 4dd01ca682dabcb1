"""The same model built in float32 and in float16."""

from __future__ import annotations

from typing import Any

from onnx import ModelProto

import retrograph
from retrograph.contract import Contract


def both(model: Any, **options: Any) -> tuple[ModelProto, ModelProto]:
    """A model built in float32 and in float16."""
    return retrograph.build(model, **options), retrograph.build(
        model, precision="float16", **options
    )


def contract_of(model: ModelProto) -> Contract:
    contract = Contract.from_properties({p.key: p.value for p in model.metadata_props})
    assert contract is not None
    return contract
