"""Makes the Keras 3 files of this folder: `KERAS_BACKEND=torch python make_keras.py FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

import keras
from keras import layers

TARGET = Path(sys.argv[1])


@keras.saving.register_keras_serializable()
class Mine(layers.Layer):
    """A layer that no Keras brings along."""

    def call(self, x: object) -> object:
        return x


def main() -> None:
    TARGET.mkdir(parents=True, exist_ok=True)
    start = keras.Input((6,))
    inner = keras.Sequential([keras.Input((6,)), layers.Dense(3, kernel_regularizer="l2")])
    value = keras.ops.concatenate([keras.ops.exp(start) * 2, start[:, :2]], axis=-1)
    whole = keras.Model(start, layers.Dense(2, activation="gelu")(layers.Concatenate()([inner(start), value])))
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    whole.compile(keras.optimizers.Adam(schedule), keras.losses.Huber(), metrics=[keras.metrics.AUC(), "mae"])
    sequence = keras.Sequential([keras.Input((5, 4)), layers.Bidirectional(layers.LSTM(2)), layers.Dropout(0.1)])
    tricked = keras.Sequential([keras.Input((4,)), layers.Lambda(lambda x: x + 1)])
    custom = keras.Sequential([keras.Input((4,)), Mine()])
    for name, model in (("whole", whole), ("sequence", sequence), ("lambda", tricked), ("custom", custom)):
        model.save(TARGET / f"{name}.keras")
    whole.save(TARGET / "whole.h5")


if __name__ == "__main__":
    main()
