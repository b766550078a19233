"""Configurations beside weights: keys by which some loader imports, builds, fetches or runs what they name.

Works on the plain value that JSON, YAML, TOML or INI stand for, so each hook is known once for all of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from momus.methods.artifacts import launchers, shells
from momus.methods.artifacts.policy import rule_for
from momus.methods.artifacts.report import Job
from momus.methods.artifacts.rulings import printable

_NAME = re.compile(r"[A-Za-z_][\w]*(\.[A-Za-z_]\w*)+\Z")
# Packages whose classes build models, data sets and optimisers from numbers: a capitalised name below one is allowed.
_FRAMEWORKS = re.compile(
    r"(torch\.(nn|optim|utils\.data)|torchvision|torchaudio|torchmetrics|transformers|tokenizers|timm|diffusers|peft|"
    r"lightning|pytorch_lightning|lightning_fabric|omegaconf|sklearn|xgboost|lightgbm|nemo\.(collections|core)|keras|"
    r"monai\.(networks|losses|transforms|inferers|data)|speechbrain\.(nnet|lobes|processing))\.([\w.]+\.)?[A-Z]\w*\Z"
)
# Libraries of models, and folders of pipelines that diffusers brings along.
_LIBRARIES = frozenset(
    [
        "torch",
        "torchvision",
        "torchaudio",
        "transformers",
        "tokenizers",
        "timm",
        "diffusers",
        "peft",
        "sentence_transformers",
        "open_clip",
        "onnxruntime",
        "optimum",
        "flax",
        "optax",
        "accelerate",
        "k_diffusion",
        "stable_diffusion",
        "stable_diffusion_safe",
        "stable_diffusion_xl",
        "stable_diffusion_3",
        "latent_diffusion",
        "paint_by_example",
        "deepfloyd_if",
        "kandinsky",
        "kandinsky2_2",
        "kandinsky3",
        "shap_e",
        "unclip",
        "unidiffuser",
        "wuerstchen",
        "audioldm",
        "audioldm2",
        "musicldm",
        "stable_cascade",
        "alt_diffusion",
        "flux",
        "stable_audio",
        "versatile_diffusion",
        "semantic_stable_diffusion",
        "t2i_adapter",
        "controlnet",
        "vq_diffusion",
        "blip_diffusion",
        "animatediff",
        "text_to_video_synthesis",
        "visual_cloze",
        "cogvideo",
        "cogview3",
        "hunyuan_video",
        "latte",
        "lumina",
        "pixart_alpha",
    ]
)
_MLFLOW = re.compile(
    r"mlflow\.(sklearn|xgboost|lightgbm|catboost|pytorch|tensorflow|keras|onnx|statsmodels|spacy|prophet|transformers|"
    r"sentence_transformers|pmdarima|diviner|fastai|gluon|h2o|spark|paddle|pyfunc\.model)\Z"
)
_GRAVE_MODULES = frozenset(
    [
        "os",
        "posix",
        "nt",
        "subprocess",
        "builtins",
        "sys",
        "runpy",
        "pty",
        "importlib",
        "code",
        "codeop",
        "shutil",
        "socket",
        "ctypes",
    ]
)
_REQUIREMENT = re.compile(
    r"(^|\s)(--(extra-)?index-url|--trusted-host|--find-links|-i\s+https?:|-f\s+https?:|git\+\w+:|hg\+\w+:|svn\+\w+:|bzr\+\w+:)"
    r"|(^|\s|@\s*)(https?|ftp|file)://\S+", re.I,
)  # fmt: skip
# the indexes of PyPI and of PyTorch's makers, which their own installation pages name
_INDEXES = re.compile(
    r"--(extra-)?index-url[ =]https://(pypi\.org/simple|download\.pytorch\.org/whl(/[\w.]{1,20})?)/?(?=\s|$)"
)
_KEYS_OF_TEMPLATES = ("chat_template", "prompt_template", "default_chat_template")


def walk(value: Any) -> Iterator[tuple[dict[str, Any], str]]:
    """All mappings inside ``value`` with the path to each. Iterative; what is shared is walked once."""
    stack: list[tuple[Any, str]] = [(value, "")]
    seen: set[int] = set()
    while stack:
        item, path = stack.pop()
        if not isinstance(item, dict | list) or id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, dict):
            yield item, path
            stack += [(v, f"{path}.{k}"[-160:]) for k, v in item.items() if isinstance(v, dict | list)]
        else:
            stack += [(v, f"{path}[{i}]"[-160:]) for i, v in enumerate(item) if isinstance(v, dict | list)]


def hooks(job: Job, value: Any, where: str, *, templates: bool = True) -> None:
    """Mark every key by which a loader would reach code. ``templates``: judge chat templates too."""
    for item, path in walk(value):
        job.check_time()
        _resolvers(job, item, where)
        for key, content in item.items():
            hook = (_HOOKS.get(key) or launchers.HOOKS.get(key)) if isinstance(key, str) else None
            if hook is not None:
                hook(job, content, item, f"{where}#{path.lstrip('.')}" if path else where)
            if templates and key in _KEYS_OF_TEMPLATES:
                _template(job, content, where)
    if isinstance(value, dict):
        _whole(job, value, where)
        launchers.whole(job, value, where)


_RESOLVER = re.compile(
    r"\$\{([\w.]{0,40}(env|eval|python|exec|shell|cmd|decode|import)[\w.]{0,40}):[^}]{0,400}\}", re.I
)


def _resolvers(job: Job, item: dict[str, Any], where: str) -> None:
    """Texts that a configuration library replaces by what a function returns: OmegaConf's ``${oc.env:…}``."""
    for key, content in item.items():
        for text in content if isinstance(content, list) else [content]:
            hit = _RESOLVER.search(text) if isinstance(text, str) and "${" in text else None
            if hit:
                what = "is replaced by what a function returns"
                job.mark("suspicious", f"{printable(str(key), 40)} {what}: {printable(hit[0], 60)}", None, where,
                         opcode="${}", call=printable(hit[0], 80), reason=what)  # fmt: skip


def _template(job: Job, content: Any, where: str) -> None:
    from momus.methods.artifacts.templates import judge

    texts = [content] if isinstance(content, str) else [
        t.get("template") for t in content if isinstance(t, dict)
    ] if isinstance(content, list) else list(content.values()) if isinstance(content, dict) else []  # fmt: skip
    for text in texts:
        if isinstance(text, str):
            judge(job, text, where)


def named(job: Job, name: Any, where: str, key: str, does: str) -> None:
    """A dotted name that a loader imports and calls: by the rules for names, default-deny."""
    if not isinstance(name, str) or not name.strip():
        return
    name = name[:500]
    module, _, leaf = name.strip().rpartition(".")
    if _FRAMEWORKS.match(name.strip()):
        return
    rule = rule_for(module or "builtins", leaf, job.allow) if _NAME.match(name.strip()) or not module else None
    job.names.setdefault(printable(name.strip(), 200))
    if rule is not None and rule.standing == "allowed":
        return
    grave = rule is not None and rule.standing == "dangerous"
    reason = rule.reason if rule is not None else "is no name that could be vouched for"
    if not module and not grave:
        return  # a word of the program's own, not a path to import
    job.mark("dangerous" if grave else "suspicious", f"{key} {does} {printable(name, 100)}: {reason}", None, where,
             opcode=key, call=printable(name, 200), reason=reason)  # fmt: skip


def _target(key: str, does: str) -> Callable[[Job, Any, dict[str, Any], str], None]:
    def hook(job: Job, content: Any, item: dict[str, Any], where: str) -> None:
        named(job, content, where, key, does)

    return hook


def _said(key: str, what: str, *, unless: tuple[Any, ...] = (None, False, "", "false", "no")) -> Callable[..., None]:
    """A key that matters by being there at all."""

    def hook(job: Job, content: Any, item: dict[str, Any], where: str) -> None:
        if content in unless or content == [] or content == {}:
            return
        job.mark("suspicious", f"{key} {what}: {printable(str(content), 80)}", None, where, opcode=key, reason=what)

    return hook


def _loader_module(job: Job, content: Any, item: dict[str, Any], where: str) -> None:
    if not isinstance(content, str) or _MLFLOW.match(content):
        return
    grave = content.split(".")[0] in _GRAVE_MODULES
    what = "names the module that the loader imports and calls"
    job.mark("dangerous" if grave else "suspicious", f"loader_module {what}: {printable(content)}", None, where,
             opcode="loader_module", call=printable(content), reason=what)  # fmt: skip


def _code_path(job: Job, content: Any, item: dict[str, Any], where: str) -> None:
    if isinstance(content, str) and content and ("loader_module" in item or "python_version" in item):
        what = "puts a folder of Python files on the path when the model is loaded"
        job.mark("suspicious", f"code {what}: {printable(content)}", None, where, opcode="code", reason=what)


def _handler(job: Job, content: Any, item: dict[str, Any], where: str) -> None:
    if isinstance(content, str) and (content.endswith(".py") or ":" in content or "modelName" in item):
        builtin = re.fullmatch(r"(image_classifier|image_segmenter|object_detector|text_classifier)", content)
        if not builtin:
            what = "is Python that the server imports and runs"
            job.mark("suspicious", f"handler {what}: {printable(content)}", None, where, opcode="handler", reason=what)


def _type_name(job: Job, content: Any, item: dict[str, Any], where: str) -> None:
    content = content[:500] if isinstance(content, str) else None
    if isinstance(content, str) and re.search(r"ObjectDataProvider|Diagnostics\.Process|\bProcessStartInfo", content):
        reason = "builds an object that starts a program"
        job.mark(
            "dangerous", f"$type {reason}", None, where, opcode="$type", call=printable(content, 100), reason=reason
        )
    elif isinstance(content, str) and re.search(r"[\w.]+,\s*\w+", content):
        job.mark("suspicious", f"$type names a class to build: {printable(content, 80)}", None, where, opcode="$type")


def _module_type(job: Job, content: Any, item: dict[str, Any], where: str) -> None:
    """modules.json of sentence-transformers: each entry's type is a class that is imported."""
    listed = {"idx", "name", "path"} <= item.keys() and isinstance(content, str)
    if listed and not content.startswith(("sentence_transformers.", "pylate.models.")):
        what = "names a class that is imported when the model is loaded"
        job.mark("suspicious", f"type {what}: {printable(content, 80)}", None, where, opcode="type", reason=what)


def _jsonpickle(key: str) -> Callable[..., None]:
    """jsonpickle's tags: they import and call as a pickle does."""

    def hook(job: Job, content: Any, item: dict[str, Any], where: str) -> None:
        if key == "py/repr":
            said = printable(str(content), 100)
            job.mark("dangerous", "py/repr is evaluated as Python", None, where, opcode=key, call=said,
                     reason="runs code that it is given as text")  # fmt: skip
        elif isinstance(content, str):
            named(job, content, where, key, "builds")
        elif isinstance(content, list):
            for part in content:
                name = next((part[k] for k in ("py/type", "py/function") if isinstance(part, dict) and k in part), None)
                named(job, name, where, key, "calls")

    return hook


def _auto_mapping(job: Job, content: Any, item: dict[str, Any], where: str) -> None:
    """An adapter of peft: parent_library is imported, base_model_class is fetched from it and built."""
    library = content.get("parent_library") if isinstance(content, dict) else None
    if isinstance(library, str) and library.split(".")[0] not in _LIBRARIES:
        what = "is imported when the adapter is loaded"
        job.mark("suspicious", f"parent_library {what}: {printable(library, 80)}", None, where,
                 opcode="auto_mapping", call=printable(library), reason=what)  # fmt: skip


def _pipeline(job: Job, content: Any, item: dict[str, Any], where: str) -> None:
    """A pipeline of diffusers: each part names a library that is imported, or a file of Python in its folder."""
    if isinstance(content, list) and content and isinstance(content[0], str):
        what = "names a file of Python that is imported"
        job.mark("suspicious", f"_class_name {what}: {printable(content[0], 80)}", None, where, opcode="_class_name",
                 call=printable(content[0]), reason=what)  # fmt: skip
    elif not isinstance(content, str):
        return
    for key, part in item.items():
        library = part[0] if isinstance(part, list) and len(part) == 2 else None
        if isinstance(library, str) and isinstance(part[1], str) and library.split(".")[0] not in _LIBRARIES:
            what = "names a library or a file of Python that is imported"
            job.mark("suspicious", f"{printable(str(key), 40)} {what}: {printable(library, 80)}", None, where,
                     opcode="_class_name", call=printable(library), reason=what)  # fmt: skip


_cmdclass = _said("cmdclass", "replaces steps of the build by code of its own")
_HOOKS: dict[str, Callable[[Job, Any, dict[str, Any], str], None]] = {
    "auto_mapping": _auto_mapping,
    "_class_name": _pipeline,
    "auto_map": _said("auto_map", "lets the loader import Python files"),
    "trust_remote_code": _said("trust_remote_code", "lets the loader run Python files of the model"),
    "custom_pipelines": _said("custom_pipelines", "lets the loader import Python files"),
    "custom_pipeline": _said("custom_pipeline", "lets the loader import Python files"),
    "custom_objects": _said("custom_objects", "brings classes of its own"),
    "_target_": _target("_target_", "has the loader call"),
    "class_path": _target("class_path", "has the loader build"),
    "__target__": _target("__target__", "has the loader call"),
    "loader_module": _loader_module,
    "code": _code_path,
    "code_paths": _said("code_paths", "puts folders of Python files on the path when the model is loaded"),
    "handler": _handler,
    "$type": _type_name,
    "type": _module_type,
    "py/object": _jsonpickle("py/object"),
    "py/reduce": _jsonpickle("py/reduce"),
    "py/function": _jsonpickle("py/function"),
    "py/type": _jsonpickle("py/type"),
    "py/repr": _jsonpickle("py/repr"),
    "py/newobj": _jsonpickle("py/newobj"),
    "backend-path": _said("backend-path", "has the build import Python from the folder"),
    "cmdclass": lambda job, content, item, where: (
        _cmdclass(job, content, item, where)
        if isinstance(content, dict)
        and content
        and all(isinstance(v, str) and re.search(r"\w[.:]\w", v) for v in content.values())
        else None
    ),
    "setup_requires": _said("setup_requires", "installs packages before anything is read"),
    "dependency_links": _said("dependency_links", "installs packages from places of its own"),
}


def requirement(job: Job, text: str, where: str) -> None:
    """A requirement that names a place of its own instead of a package."""
    text = text[:2000]
    if not _REQUIREMENT.search(_INDEXES.sub("", text)):
        return
    what = "installs from a place of its own"
    job.mark("suspicious", f"{what}: {printable(text.strip(), 100)}", None, where, opcode="requirement", reason=what)


def _whole(job: Job, value: dict[str, Any], where: str) -> None:
    """Files known by their shape: conda environments, workflows, package.json, editor tasks."""
    dependencies = value.get("dependencies")
    if isinstance(dependencies, list):
        for part in dependencies:
            for text in part.get("pip", []) if isinstance(part, dict) and isinstance(part.get("pip"), list) else [part]:
                if isinstance(text, str):
                    requirement(job, text, where)
    for section in (value.get("project"), value.get("build-system"), value.get("options")):
        listed = [section.get("dependencies"), section.get("requires")] if isinstance(section, dict) else []
        for text in (t for part in listed if isinstance(part, list) for t in part):
            if isinstance(text, str):
                requirement(job, text, where)
    if isinstance(value.get("jobs"), dict) and ("on" in value or "True" in map(str, value) or "stages" in value):
        job.mark("suspicious", "a workflow: a build service runs its commands", 0, where, opcode="jobs")
        _commands(job, value, where, ("run", "script"))
    scripts = value.get("scripts")
    if isinstance(scripts, dict):
        for name in ("preinstall", "install", "postinstall", "prepare"):
            text = scripts.get(name)
            if isinstance(text, str) and not shells.judge(job, text, where, f"the {name} script"):
                job.mark(
                    "suspicious",
                    f"the {name} script runs on installation: {printable(text, 80)}",
                    None,
                    where,
                    opcode=name,
                )
    if "runOn" in str(value.get("tasks"))[:100_000] or isinstance(value.get("postCreateCommand"), str):
        job.mark("suspicious", "an editor runs its commands when the folder is opened", None, where, opcode="tasks")
        _commands(job, value, where, ("command", "postCreateCommand", "onCreateCommand"))
    if isinstance(value.get("services"), dict):
        _commands(job, value, where, ("command", "entrypoint"))


def _commands(job: Job, value: Any, where: str, keys: tuple[str, ...]) -> None:
    for item, _ in walk(value):
        for key in keys:
            text = item.get(key)
            lines = text if isinstance(text, list) else [text]
            for line in lines:
                if isinstance(line, str):
                    shells.judge(job, line, where, f"the {key} command")
