"""What a target cannot do, in words, and what would give it the ability."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_ABILITIES = {
    "pullback": "give gradients",
    "logits": "give logits",
    "scores": "give scores",
    "probabilities": "give probabilities",
    "retrain": "be trained again",
    "make_env": "make its environment",
    "act": "choose actions",
    "goal": "state its true goal",
    "predict": "predict",
    "files": "name its files",
    "generate": "answer with texts",
    "sequence_gradient": "give gradients by its sound",
    "symbol_gradient": "give gradients by its symbols",
    "alphabet": "name its alphabet",
    "symbols": "split texts into its symbols",
    "trees": "show its trees",
    "retrain_together": "train several models together",
    "retrain_under": "be trained with a term added to its loss",
    "parameters": "show its parameters",
    "with_parameters": "take other parameters",
    "update": "say what a federated client would send",
    "update_match": "compare the updates of federated clients",
    "code": "show the code that trained it",
    "act_together": "choose many actions at once",
    "noop": "do nothing in its environment",
    "features": "name the features of its world",
    "invariants": "state what must hold in its world",
    "due": "tell the reward that was due",
    "variations": "vary its environment",
    "make_varied": "vary its environment",
    "prefer": "compare two trajectories",
    "judgements": "show people's judgements",
    "improve": "be trained further",
    "layers": "show its layers",
    "activations": "show what its layers make of an input",
    "activation_pullback": "give gradients of its layers",
    "without_units": "answer without some of its units",
    "tune": "be tuned on other rows",
    "learn": "learn further rows as they come",
    "serving": "answer bytes as they come from a caller",
    "packages": "name the software beneath it",
}


# What an ability brings with it, and so need not be said beside it.
_IMPLIED: Mapping[str, frozenset[str]] = {
    "pullback": frozenset({"logits", "scores", "predict"}),
    "probabilities": frozenset({"predict"}),
    "scores": frozenset({"predict"}),
    "symbol_gradient": frozenset({"alphabet", "symbols"}),
    "act": frozenset({"make_env"}),
    "goal": frozenset({"act", "make_env"}),
    "noop": frozenset({"make_env"}),
    "features": frozenset({"make_env"}),
    "invariants": frozenset({"make_env", "features"}),
    "due": frozenset({"make_env", "features"}),
    "variations": frozenset({"make_env", "make_varied"}),
    "prefer": frozenset({"make_env"}),
    "judgements": frozenset({"make_env"}),
    "improve": frozenset({"make_env"}),
    "retrain_under": frozenset({"retrain"}),
    "retrain_together": frozenset({"retrain"}),
    "with_parameters": frozenset({"parameters"}),
    "update_match": frozenset({"update"}),
    "layers": frozenset({"activations", "activation_pullback", "without_units", "predict"}),
}


def in_words(names: Sequence[str], between: str = " or ") -> str:
    """Abilities as phrases; one that another implies is left out."""
    implied = {i for name in names for i in _IMPLIED.get(name, ())}
    return between.join(_ABILITIES.get(name, name) for name in names if name not in implied)


REMEDIES = {
    "serving": "Add targets[].serve with answer: file.py:function, from bytes to an answer",
    "packages": "Name a lock file, a bill of materials or an environment under targets[].dependencies",
    "layers": "Open the model itself by the torch adapter, or ONNX with momus[onnx,torch]",
    "tune": "Open the model itself by the torch adapter, or ONNX with momus[onnx,torch]",
    "learn": "Use an estimator with partial_fit, or an object with a method learn(x, y)",
    "pullback": "Use the torch adapter, or ONNX with momus[onnx,torch], to give it gradients",
    "scores": "Let the model return probabilities or scores",
    "probabilities": "Let the model return probabilities",
    "retrain": "Add targets[].train, a function that trains the model again",
    "make_env": "Add targets[].env with the Gymnasium environment the policy lives in",
    "act": "Use the policy adapter",
    "goal": "Add targets[].goal, a function that states the true performance of an episode",
    "predict": "Give a model that predicts",
    "symbol_gradient": "Add symbol_gradient, symbols and alphabet to the object that targets[].factory makes",
    "sequence_gradient": "Add sequence_gradient to the object that targets[].factory makes",
    "generate": "Add generate to the object that targets[].factory makes",
    "retrain_under": "Use the torch adapter with targets[].train, a function that trains the model again",
    "parameters": "Open the model itself (torch, ONNX, or a linear model or network of scikit-learn)",
    "update": "Open the model itself by the torch adapter",
    "noop": "Add targets[].world.noop, the action that does nothing",
    "features": "Add targets[].world.features, a function that names the numbers of the world's state",
    "invariants": "Add targets[].world.invariants, what must hold at every moment",
    "due": "Add targets[].world.due, a function that tells the reward a move should pay",
    "variations": "Add targets[].world.vary and world.parameters",
    "prefer": "Add targets[].world.prefer, a function that compares two trajectories",
    "judgements": "Add targets[].world.judgements, a file of compared trajectories",
    "improve": "Add targets[].world.train, a function that trains such a policy",
    "code": "Name the provider's training code under targets[].code",
    "trees": "Use a decision tree or a tree ensemble of scikit-learn, XGBoost or LightGBM",
}


def remedy(lacking: Sequence[str], info: Mapping[str, Any]) -> str:
    if info.get("task") == "policy" or {"act", "make_env"} & set(lacking):
        order = ("invariants", "due", "features", "goal", "noop", "make_env", "act")
        keys: Sequence[str] = [k for k in order if k in lacking] or lacking
    else:
        keys = lacking
    return next((REMEDIES[k] for k in keys if k in REMEDIES), "Give the target that ability")
