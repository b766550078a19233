"""Pickles that call one function of a library which runs code, starts programs or writes files."""

from __future__ import annotations

from corpus.items import COMMAND, MARKER, SOURCE, Item, asks, blob, call, code, glob, payload, stream, text, value

TOUCH = ["touch", MARKER]
SCRIPT = f"import os; os.system({COMMAND!r})\n".encode()


def items() -> list[Item]:
    """All of them; those that fire all do so by ``pickle.load``."""
    out = [_item(i, "code", r) for i, r in enumerate([*_evaluators(), *_programs(), *_loaders()])]
    out += [_item(100 + i, "file", r) for i, r in enumerate(_writers())]
    out += [_item(200 + i, "code", r, loader="") for i, r in enumerate(_unproven())]
    return out


Row = tuple[str, bytes] | tuple[str, bytes, dict[str, bytes]]


def _item(number: int, kind: str, row: Row, loader: str = "pickle") -> Item:
    name, body, *rest = row
    beside = tuple(rest[0].items()) if rest else ()
    return Item(name, "pickle gadget", kind, f"g{number:03d}.pkl", stream(body), loader, kind, beside)


def _one(module: str, name: str, *arguments: object) -> Row:
    return f"{module}.{name}", asks(module, name, *arguments)


def _evaluators() -> list[Row]:
    clock = code(glob("time", "perf_counter"))
    template = call(glob("jinja2", "Template"), text("{{ cycler.__init__.__globals__.os.system('" + COMMAND + "') }}"))
    machine = call(glob("builtins", "compile"), text(SOURCE), text("m"), text("exec"))
    return [
        _one("builtins", "eval", SOURCE),
        _one("builtins", "exec", SOURCE),
        _one("timeit", "timeit", "pass", SOURCE, clock, 1),
        _one("cProfile", "run", SOURCE),
        _one("profile", "run", SOURCE),
        ("trace.Trace.run", call(glob("trace", "Trace.run"), call(glob("trace", "Trace")), text(SOURCE))),
        ("bdb.Bdb.runeval", call(glob("types", "FunctionType"), machine, b"}") + b")R"),
        ("types.FunctionType", call(call(glob("types", "FunctionType"), machine, b"}"))),
        _one("runpy", "_run_code", code(machine), {}),
        _one("numpy.testing", "measure", SOURCE),
        _one("numpy.testing._private.utils", "runstring", SOURCE, {}),
        _one("numpy.f2py.crackfortran", "myeval", SOURCE, {}, {}),
        _one("torch.fx.graph_module", "_exec_with_source", SOURCE, {}),
        _one("torch.jit.unsupported_tensor_ops", "execWrapper", SOURCE, {}, {}),
        _one("dill._dill", "_eval_repr", SOURCE),
        _one("sympy", "sympify", SOURCE),
        _one("dataclasses", "_create_fn", "f", [f"a={SOURCE}"], ["pass"]),
        ("jinja2.Template.render", call(glob("jinja2", "Template.render"), template)),
        ("typing.get_type_hints", call(glob("typing", "get_type_hints"),
                                       asks("types", "SimpleNamespace") + b"}" + text("__annotations__")
                                       + value({"a": SOURCE}) + b"sb")),
        ("typing.ForwardRef", call(glob("typing", "_eval_type"), call(glob("typing", "ForwardRef"), text(SOURCE)), b"}",
                                   b"}", b"(\x91")),
    ]  # fmt: skip


def _programs() -> list[Row]:
    return [
        _one("os", "system", COMMAND),
        _one("subprocess", "call", TOUCH),
        _one("subprocess", "run", TOUCH),
        _one("subprocess", "check_output", TOUCH),
        _one("subprocess", "Popen", TOUCH),
        _one("subprocess", "getoutput", COMMAND),
        _one("os", "popen", COMMAND),
        _one("os", "spawnlp", 0, "touch", "touch", MARKER),
        _one("posix", "posix_spawn", "/usr/bin/touch", TOUCH, {}),
        _one("pydoc", "pipepager", "x", COMMAND),
        _one("torch.utils.collect_env", "run", COMMAND),
        _one("distutils.spawn", "spawn", TOUCH),
        _one("multiprocessing.util", "spawnv_passfds", b"/usr/bin/touch", [b"touch", MARKER.encode()], []),
        _one("uuid", "_get_command_stdout", "touch", MARKER),
        _one("test.support.script_helper", "spawn_python", "-c", SOURCE),
        ("webbrowser.GenericBrowser.open", call(glob("webbrowser", "GenericBrowser.open"),
                                                asks("webbrowser", "GenericBrowser", "touch"), text(MARKER))),
    ]  # fmt: skip


def _loaders() -> list[Row]:
    evil = {"evil.py": SCRIPT, "evil.pkl": payload(), "evil.pth": SCRIPT}
    source = call(glob("importlib.machinery", "SourceFileLoader"), text("evil"), text("evil.py"))
    made: list[tuple[str, str, tuple[object, ...]]] = [
        ("runpy", "run_path", ("evil.py",)),
        ("imp", "load_source", ("evil", "evil.py")),
        ("importlib.machinery", "SourceFileLoader.load_module", (code(source),)),
        ("site", "addsitedir", (".",)),
        ("joblib", "load", ("evil.pkl",)),
        ("joblib.numpy_pickle", "load", ("evil.pkl",)),
        ("pandas", "read_pickle", ("evil.pkl",)),
        ("statsmodels.iolib.smpickle", "load_pickle", ("evil.pkl",)),
        ("numpy", "load", ("evil.pkl", None, True)),
    ]
    out: list[Row] = [(f"{m}.{n}", asks(m, n, *a), evil) for m, n, a in made]
    out += [(f"{m}.loads", asks(m, "loads", payload())) for m in ("pickle", "_pickle", "dill", "cloudpickle")]
    out.append(_one("torch.utils.data.datapipes.utils.decoder", "basichandlers", "pickle", payload()))
    out.append(_one("yaml", "unsafe_load", f"!!python/object/apply:os.system ['{COMMAND}']"))
    out.append(_one("yaml", "load", f"!!python/object/apply:os.system ['{COMMAND}']",
                    code(glob("yaml", "UnsafeLoader"))))  # fmt: skip
    return out


def _writers() -> list[Row]:
    path = call(glob("pathlib", "PosixPath"), text(MARKER))
    frame = call(glob("pandas", "DataFrame"), value({"a": [1]}))
    array = call(glob("numpy", "arange"), b"K\x03")
    buffer = call(glob("io", "BytesIO"), blob(b""))
    opened = asks("builtins", "open", MARKER, "wb")
    return [
        _one("builtins", "open", MARKER, "w"),
        _one("io", "open", MARKER, "w"),
        _one("_io", "FileIO", MARKER, "w"),
        _one("codecs", "open", MARKER, "w"),
        _one("os", "mkdir", MARKER),
        _one("os", "makedirs", MARKER),
        _one("os", "symlink", "x", MARKER),
        _one("posix", "mkfifo", MARKER),
        _one("shutil", "copyfile", "/etc/hostname", MARKER),
        _one("shutil", "copytree", ".", MARKER),
        _one("logging", "FileHandler", MARKER),
        _one("logging.handlers", "RotatingFileHandler", MARKER),
        _one("zipfile", "ZipFile", MARKER, "w"),
        _one("tarfile", "open", MARKER, "w"),
        _one("gzip", "GzipFile", MARKER, "w"),
        _one("bz2", "BZ2File", MARKER, "w"),
        _one("lzma", "LZMAFile", MARKER, "w"),
        _one("sqlite3", "connect", MARKER),
        _one("wave", "open", MARKER, "wb"),
        _one("mailbox", "mbox", MARKER),
        _one("mailbox", "Maildir", MARKER),
        _one("venv", "EnvBuilder.create", code(asks("venv", "EnvBuilder")), MARKER),
        ("py_compile.compile", asks("py_compile", "compile", "evil.py", MARKER), {"evil.py": b"x = 1\n"}),
        ("pathlib.Path.touch", call(glob("pathlib", "Path.touch"), path)),
        ("pathlib.Path.write_text", call(glob("pathlib", "PosixPath.write_text"), path, text("x"))),
        ("pickle.dump to a file", call(glob("pickle", "dump"), b"N", opened)),
        _one("urllib.request", "urlretrieve", "file:///etc/hostname", MARKER),
        _one("numpy", "memmap", MARKER, "uint8", "w+", 0, 1),
        ("numpy.memmap by NEWOBJ", glob("numpy", "memmap") + value((MARKER, "uint8", "w+", 0, 1)) + b"\x81"),
        _one("numpy", "savetxt", MARKER, [1]),
        ("numpy.ndarray.tofile", call(glob("numpy", "ndarray.tofile"), array, text(MARKER))),
        ("numpy.ndarray.dump", call(glob("numpy", "ndarray.dump"), array, text(MARKER))),
        ("pandas.DataFrame.to_csv", call(glob("pandas", "DataFrame.to_csv"), frame, text(MARKER))),
        ("pandas.DataFrame.to_pickle", call(glob("pandas", "DataFrame.to_pickle"), frame, text(MARKER))),
        _one("joblib", "dump", {}, MARKER),
        _one("sklearn.datasets", "dump_svmlight_file", [[1]], [1], MARKER),
        _one("scipy.io", "savemat", MARKER, {}, False),
        _one("torch", "save", {}, MARKER),
        _one("torch", "from_file", MARKER, True, 4),
        ("torch.UntypedStorage.from_file", asks("torch", "UntypedStorage.from_file", MARKER, True, 16)),
        _one("h5py", "File", MARKER, "w"),
        _one("matplotlib.image", "imsave", MARKER, [[0.0]], None, None, None, "png"),
        ("tempfile.NamedTemporaryFile", call(glob("os", "replace"), text("victim"), text(MARKER)), {"victim": b"x"}),
        ("io.BytesIO is harmless, open is not", buffer + b"0" + opened),
    ]


def _unproven() -> list[Row]:
    made = [
        _one("ctypes", "CDLL", None),
        _one("asyncio", "run"),
        _one("webbrowser", "open", "http://127.0.0.1:9/"),
        _one("torch", "load", "evil.pkl"),
        _one("setuptools.archive_util", "unpack_archive", "evil.zip", "."),
        _one("sklearn.externals.joblib", "load", "evil.pkl"),
        _one("joblib.externals.cloudpickle", "loads", payload()),
        _one("skops.io", "loads", b"PK"),
        _one("os", "execv", "/bin/true", ["true"]),
        _one("os", "_exit", 3),
        _one("os", "abort"),
        _one("os", "kill", 0, 9),
        _one("os", "remove", "victim"),
        _one("shutil", "rmtree", "victim"),
        _one("socket", "create_connection", ["127.0.0.1", 9]),
        _one("urllib.request", "urlopen", "http://127.0.0.1:9/"),
        _one("http.client", "HTTPConnection", "127.0.0.1"),
        _one("smtplib", "SMTP", "127.0.0.1"),
        _one("ftplib", "FTP", "127.0.0.1"),
        _one("ssl", "get_server_certificate", ["127.0.0.1", 9]),
        _one("requests", "get", "http://127.0.0.1:9/"),
        _one("pip._internal", "main", ["install", "x"]),
        _one("ensurepip", "bootstrap"),
        _one("torch.hub", "load", "a/b", "c"),
        _one("pty", "spawn", TOUCH),
        _one("idlelib.pyshell", "ModifiedInterpreter.runcommand", None, SOURCE),
        _one("code", "interact"),
        _one("builtins", "breakpoint"),
        _one("builtins", "input"),
        _one("faulthandler", "_sigsegv"),
        _one("ctypes", "string_at", 1),
        _one("sys", "exit", 1),
        _one("sys", "setrecursionlimit", 1 << 30),
        _one("gc", "get_objects"),
        _one("tensorflow.io", "write_file", "x", "y"),
        _one("transformers", "AutoModel.from_pretrained", "a/b"),
        _one("tensorflow.python.ops.script_ops", "py_func"),
        _one("mlflow.pyfunc", "load_model", "x"),
        _one("evil_package.layers", "Attention", 8),
        _one("__main__", "Model"),
        ("an unknown class built, not called", glob("acme.models", "Net") + b")\x81" + value({"w": [1.0]}) + b"b"),
    ]
    return [("unproven: " + name, body, *rest) for name, body, *rest in made]  # type: ignore[misc]
