"""Which data-only format would hold what a file holds, and whether Momus converts it. From the scan's report alone."""

from __future__ import annotations

from dataclasses import dataclass

from momus.methods.artifacts import FileReport

_BOOSTERS = {"xgboost": "XGBoost's own JSON (model.save_model)", "lightgbm": "LightGBM's own text (booster.save_model)"}
_DATA_ONLY = (
    "safetensors", "npy", "npz", "onnx", "gguf", "json", "xgboost json", "xgboost ubjson", "ubjson", "lightgbm text",
    "text", "csv", "yaml", "tflite", "parquet", "png", "jpeg", "wav", "empty", "link", "xml", "pmml", "skops",
)  # fmt: skip
_OTHERS = {
    "torchscript": ("onnx", "Export it to ONNX where its operators allow it"),
    "torch exported program": ("onnx", "Export it to ONNX where its operators allow it"),
    "tensorflow saved model": ("onnx", "Export it to ONNX (tf2onnx)"),
    "keras": ("safetensors", "Keep the weights as safetensors and build the layers in your own code"),
    "hdf5": ("safetensors", "Keep the weights as safetensors and build the layers in your own code"),
    "stable-baselines3 policy": ("safetensors", "Keep policy.pth as safetensors and build the policy in your own code"),
    "npy of objects": ("json", "Save the numbers as plain arrays, words and plain values as JSON"),
}


@dataclass(frozen=True, slots=True)
class Remedy:
    """``risky``: loading a file of this format can run code. ``to``: a data-only format that holds the same, where one
    is known. ``how``: one sentence. ``converts``: whether `momus convert` does it."""

    risky: bool
    to: str = ""
    how: str = ""
    converts: bool = False


def remedy(report: FileReport) -> Remedy:
    """What to do about the format of one file, judged by what the file is, not by its name."""
    kind, names = report.format.lower(), report.names
    first = kind.split(",")[0].split(":")[-1].strip()
    if first in _DATA_ONLY and (first != "skops" or report.loadable):
        return Remedy(False)
    if first == "skops":
        return Remedy(True, "", "Its schema names what nobody vouched for: trust none of its types")
    if first in ("torch zip", "torch"):
        if any(not n.startswith(("torch.", "collections.")) or "nn.modules" in n for n in names):
            return Remedy(True, "safetensors", "Save model.state_dict() in place of the model, then convert it")
        return Remedy(True, "safetensors", "momus convert writes the tensors to safetensors", report.loadable)
    if first in _OTHERS:
        return Remedy(True, *_OTHERS[first])
    if first in ("pickle", "joblib") or names:
        return _pickled(report)
    return Remedy(first in ("program", "python", "notebook", "shell script"))


def _pickled(report: FileReport) -> Remedy:
    tops = {n.split(".")[0] for n in report.names}
    for library, own in _BOOSTERS.items():
        if library in tops:
            return Remedy(True, library, f"Save it in {own}")
    plain = report.format.split(",")[0].endswith(("pickle", "joblib"))  # not one among the members of an archive
    if "sklearn" in tops:
        return Remedy(True, "skops", "momus convert writes the estimator to skops", report.loadable and plain)
    if "torch" in tops:
        return Remedy(True, "safetensors", "Save it again with torch.save(state_dict), then convert it")
    if tops <= {"numpy", "joblib", "builtins", "collections", "_codecs", "copyreg"} and "numpy" in tops:
        return Remedy(True, "npz", "momus convert writes the arrays to npz", report.loadable and plain)
    if "pandas" in tops:
        return Remedy(True, "parquet", "Save the table as Parquet (table.to_parquet)")
    if not report.names:
        return Remedy(True, "json", "It holds plain values only: save them as JSON")
    return Remedy(True, "", "Nobody knows a data-only format for what it holds: keep the sha256 and load it confined")
