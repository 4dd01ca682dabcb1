#!/usr/bin/env python3
"""Make the golden attributions of iNNvestigate, on a network of Keras.

    python tools/goldens/make_innvestigate_goldens.py [--output tests/goldens/innvestigate]

Writes `network.npz`: an input [1, 16, 16, 3], the weights as Keras has them, and the attributions
of output 3 by each analyzer, once with biases and once (`plain/...`) with all of them 0.

Needs an environment of its own: innvestigate 2.1 with tensorflow 2.14.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
UNIT = 3
ANALYZERS: dict[str, dict[str, Any]] = {
    "gradient": {"postprocess": None},
    "input_t_gradient": {},
    "guided_backprop": {},
    "deconvnet": {},
    "integrated_gradients": {"steps": 16},
    "lrp.epsilon": {"epsilon": 1e-3},
    "lrp.z_plus": {},
    "deep_taylor": {},
    "lrp.alpha_1_beta_0": {},
    "lrp.alpha_2_beta_1": {},
    "lrp.sequential_preset_a": {},
    "lrp.sequential_preset_b": {},
}


def network(keras: Any) -> Any:
    """Two convolutions and a pool, and ten scores."""
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input((16, 16, 3)),
            layers.Conv2D(8, 3, activation="relu", bias_initializer="normal"),
            layers.MaxPool2D(2),
            layers.Conv2D(6, 3, activation="relu", bias_initializer="normal"),
            layers.Flatten(),
            layers.Dense(10, bias_initializer="normal"),
        ]
    )


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--output", type=Path, default=ROOT / "tests/goldens/innvestigate")
    output = parser.parse_args().output
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import innvestigate
    import tensorflow as tf

    tf.compat.v1.disable_eager_execution()
    tf.keras.utils.set_random_seed(0)
    model = network(tf.keras)
    weights = model.get_weights()
    x = np.random.default_rng(0).normal(size=(1, 16, 16, 3)).astype(np.float32)
    arrays = {"x": x, **{f"weight{number}": each for number, each in enumerate(weights)}}
    for prefix in ("", "plain/"):
        model.set_weights([w * (w.ndim > 1) if prefix else w for w in weights])
        arrays[f"{prefix}scores"] = model.predict(x)
        for name, options in ANALYZERS.items():
            analyzer = innvestigate.create_analyzer(
                name, model, neuron_selection_mode="index", **options
            )
            arrays[f"{prefix}{name}"] = analyzer.analyze(x, neuron_selection=UNIT)
    output.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(output / "network.npz", **arrays)


if __name__ == "__main__":
    main()
