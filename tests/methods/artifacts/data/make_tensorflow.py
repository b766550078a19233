"""Makes the TensorFlow files of this folder, with tensorflow and tf_keras 2.21: `python make_tensorflow.py FOLDER`."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import tensorflow as tf
import tf_keras

TARGET = Path(sys.argv[1])
VECTOR = [tf.TensorSpec((None, 3))]


class Table(tf.Module):
    """A loop, a branch, a look-up table and a variable."""

    def __init__(self) -> None:
        self.weights = tf.Variable(tf.ones((3, 2)))
        pairs = tf.lookup.KeyValueTensorInitializer(["a", "b"], [1, 2])
        self.table = tf.lookup.StaticHashTable(pairs, -1)

    @tf.function(input_signature=VECTOR)
    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        for _ in tf.range(3):
            x = x + 1
        return tf.cond(tf.reduce_sum(x) > 0, lambda: x @ self.weights, lambda: tf.zeros((1, 2)))

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string)])
    def look(self, x: tf.Tensor) -> tf.Tensor:
        return self.table.lookup(x)


class Words(tf.Module):
    """A look-up table whose words are an asset."""

    def __init__(self, path: str) -> None:
        made = tf.lookup.TextFileInitializer(
            path, tf.string, 0, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER, delimiter=" "
        )
        self.table = tf.lookup.StaticHashTable(made, -1)

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string)])
    def look(self, x: tf.Tensor) -> tf.Tensor:
        return self.table.lookup(x)


class Writes(tf.Module):
    """Writes a file when it is asked for an answer."""

    @tf.function(input_signature=VECTOR)
    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        tf.io.write_file("momus-marker", "touched")
        return x


class Calls(tf.Module):
    """Calls Python when it is asked for an answer."""

    @tf.function(input_signature=VECTOR)
    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        return tf.py_function(lambda v: v, [x], tf.float32)


class Prints(tf.Module):
    """Prints into a file."""

    @tf.function(input_signature=VECTOR)
    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        tf.print("touched", output_stream="file://momus-marker")
        return x


class Restores(tf.Module):
    """Reads a checkpoint from a path of its own."""

    @tf.function(input_signature=VECTOR)
    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        return (
            x
            + tf.raw_ops.RestoreV2(prefix="/tmp/other", tensor_names=["w"], shape_and_slices=[""], dtypes=[tf.float32])[
                0
            ]
        )


def graphs() -> None:
    """TensorFlow 1: a SavedModel, a checkpoint with its graph, a frozen graph."""
    old = tf.compat.v1
    with tf.Graph().as_default(), old.Session() as session:
        x = old.placeholder(tf.float32, (None, 3), name="x")
        y = tf.nn.softmax(x @ old.get_variable("w", (3, 2)), name="y")
        session.run(old.global_variables_initializer())
        old.saved_model.simple_save(session, str(TARGET / "old"), {"x": x}, {"y": y})
        old.train.Saver().save(session, str(TARGET / "checkpoint" / "model"))
        frozen = old.graph_util.convert_variables_to_constants(
            session, tf.compat.v1.get_default_graph().as_graph_def(), ["y"]
        )
        (TARGET / "frozen.pb").write_bytes(frozen.SerializeToString())


def lite() -> None:
    """TensorFlow Lite: plain, quantised, with operators of the full TensorFlow."""
    small = tf_keras.Sequential(
        [tf_keras.layers.Conv2D(2, 3, input_shape=(6, 6, 1)), tf_keras.layers.Flatten(), tf_keras.layers.Dense(2)]
    )
    for name in ("plain", "quantised", "flex"):
        converter = tf.lite.TFLiteConverter.from_keras_model(small)
        if name == "quantised":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if name == "flex":
            module = tf.function(lambda x: tf.linalg.cholesky(x))
            converter = tf.lite.TFLiteConverter.from_concrete_functions(
                [module.get_concrete_function(tf.TensorSpec((1, 2, 2)))]
            )
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.SELECT_TF_OPS]
        (TARGET / f"{name}.tflite").write_bytes(converter.convert())


def keras() -> None:
    """Keras 2: HDF5, SavedModel and archive; a Lambda layer in each."""
    layers = tf_keras.layers
    plain = tf_keras.Sequential([layers.Dense(3, activation="relu", input_shape=(4,)), layers.Dense(2)])
    plain.compile("adam", "mse", metrics=["mae"])
    plain.fit(tf.ones((4, 4)), tf.ones((4, 2)), verbose=0)
    tricked = tf_keras.Sequential([tf_keras.Input((4,)), layers.Lambda(lambda x: x + 1)])
    start = tf_keras.Input((4,))
    functions = tf_keras.Model(start, tf.math.exp(start)[:, :2] + 1)
    for name, model in (("keras2", plain), ("keras2_lambda", tricked), ("keras2_functions", functions)):
        model.save(TARGET / f"{name}.h5")
        if name != "keras2_functions":
            model.save(TARGET / name)
            shutil.copy(TARGET / name / "keras_metadata.pb", TARGET / f"{name}_metadata.pb")
            shutil.rmtree(TARGET / name)


def main() -> None:
    TARGET.mkdir(parents=True, exist_ok=True)
    (TARGET / "words.txt").write_text("a b\nc d\n")
    modules = {
        "module": Table(),
        "words": Words(str(TARGET / "words.txt")),
        "writes": Writes(),
        "calls": Calls(),
        "prints": Prints(),
        "restores": Restores(),
    }
    for name, module in modules.items():
        tf.saved_model.save(module, str(TARGET / name), options=tf.saved_model.SaveOptions(save_debug_info=False))
    (TARGET / "words.txt").unlink()
    graphs()
    lite()
    keras()


if __name__ == "__main__":
    main()
