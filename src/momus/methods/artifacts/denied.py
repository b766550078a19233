"""Names known to run code, reach files or the network, or take a process over.

They only make the verdict firmer (*dangerous* instead of *suspicious*): a name in neither list is refused as
well. ``MODULES``: a module, or a full name, with everything below it. ``PARTS``: one dotted part, anywhere but first.
``HONEST``: packages of these whose classes stand in honest files too; a class of theirs is refused, no more.
"""

from __future__ import annotations

MODULES: tuple[tuple[str, str], ...] = (
    (
        "os posix nt subprocess _posixsubprocess commands popen2 pty platform shutil distutils setuptools pip "
        "ensurepip venv signal resource _winapi winreg msvcrt webbrowser antigravity multiprocessing concurrent "
        "threading _thread asyncio uvicorn invoke fabric paramiko sh plumbum pexpect mailcap idlelib "
        "torch.distributed torch.multiprocessing numpy.f2py numpy.distutils torch.utils.cpp_extension "
        "torch.utils.collect_env torch._inductor torch._dynamo torch.utils._config_module sqlite3 ctypes _ctypes "
        "cffi cython Cython numba gdb",
        "runs commands or reaches the operating system",
    ),
    (
        "builtins.eval builtins.exec builtins.compile builtins.execfile builtins.apply builtins.__import__ "
        "builtins.__build_class__ builtins.breakpoint builtins.input code codeop timeit cProfile profile trace "
        "doctest pdb bdb runpy marshal types unittest pydoc IPython sympy numexpr pandas.eval "
        "pandas.core.computation numpy.testing torch.fx torch._C torch.jit torch.package jinja2 mako lib2to3 "
        "hypothesis pytest",
        "runs code that it is given as text or bytes",
    ),
    (
        "builtins.getattr builtins.setattr builtins.delattr builtins.globals builtins.locals builtins.vars "
        "builtins.dir builtins.map builtins.filter builtins.__loader__ builtins.__spec__ builtins.memoryview "
        "importlib _frozen_importlib _frozen_importlib_external imp pkgutil zipimport zipapp modulefinder site sys "
        "gc inspect atexit operator.attrgetter operator.methodcaller _operator.attrgetter _operator.methodcaller "
        "functools.reduce logging linecache weakref contextlib copyreg.add_extension copyreg.pickle _testcapi "
        "_xxsubinterpreters",
        "imports modules or walks to anything from what it is given",
    ),
    (
        "_imp py_compile compileall rlcompleter cgitb gettext.c2py typing.ForwardRef typing.get_type_hints _pytest "
        "nose dataclasses.make_dataclass dataclasses._create_fn faulthandler sched pkg_resources string.Formatter "
        "test.support hydra.utils.instantiate hydra._internal gymnasium.envs.registration.load_env_creator "
        "gymnasium.make gymnasium.envs.registration.make tornado.util.import_object werkzeug.utils.import_string "
        "django.core.management joblib._utils.eval_expr joblib.Memory sklearn.utils._joblib sklearn._build_utils "
        "sklearn.utils._testing scipy._lib._testutils scipy.special._testutils torch.ops.load_library "
        "torch.classes.load_library torch.testing torch.utils.bottleneck torch.utils.data.datapipes.utils.decoder "
        "torch.utils.model_dump torch.utils.viz torch.cuda._compile_kernel numpy.ctypeslib xgboost.core._load_lib "
        "lightgbm.basic._load_lib transformers.dynamic_module_utils matplotlib.use PIL.ImageMath nltk.download "
        "nltk.data spacy.load fastai.basics.load_learner tensorflow.python.ops.script_ops networkx.read_gpickle "
        "gensim.utils.unpickle omegaconf.OmegaConf.load torch.overrides.resolve_name "
        "scipy._lib._ccallback.LowLevelCallable",
        "imports, compiles or runs what it is given",
    ),
    (
        "pickle _pickle cPickle dill.load dill.loads dill.load_session dill.load_module dill.load_module_asdict "
        "dill.session dill._dill.load dill._dill.loads dill._dill._eval_repr cloudpickle.load cloudpickle.loads "
        "cloudpickle.cloudpickle.load cloudpickle.cloudpickle.loads shelve joblib.load joblib.numpy_pickle "
        "joblib.numpy_pickle_compat joblib.numpy_pickle_utils joblib.memory joblib.parallel joblib.externals "
        "numpy.load numpy.lib.npyio numpy.lib._npyio_impl numpy.lib.format numpy.loads pandas.read_pickle "
        "pandas.io pandas.compat.pickle_compat torch.load torch.serialization torch.hub sklearn.externals "
        "sklearn.datasets yaml jsonpickle mlflow skops stable_baselines3.common.save_util xgboost.testing catboost "
        "huggingface_hub",
        "unpickles further data, unscanned",
    ),
    (
        "builtins.open builtins.file io _io codecs tempfile glob fileinput mmap fcntl socket _socket ssl select "
        "selectors socketserver http urllib urllib2 httplib xmlrpc ftplib smtplib telnetlib poplib imaplib nntplib "
        "requests httpx aiohttp urllib3 wsgiref cgi tarfile zipfile gzip bz2 lzma uu numpy.memmap numpy.fromfile "
        "numpy.save numpy.savetxt numpy.loadtxt numpy.genfromtxt pathlib.Path.unlink pathlib.Path.write_text "
        "pathlib.Path.write_bytes pathlib.Path.rmdir pathlib.Path.open pathlib.Path.rename tokenize.open dbm smtpd "
        "asyncore xml.etree.ElementTree.parse xml.sax syslog pandas.read_csv pandas.read_html pandas.read_json "
        "pandas.read_sql pandas.read_table pandas.read_parquet pandas.read_hdf pandas.read_xml pandas.HDFStore "
        "pandas._testing scipy.io.loadmat scipy.io.savemat scipy.io.mmread scipy.datasets scipy.sparse.load_npz "
        "h5py.File PIL.Image.open imageio skimage.io fsspec.open fsspec.core duckdb sqlalchemy.create_engine "
        "psycopg boto3 onnx.load onnxruntime keras.utils.get_file keras.models.load_model "
        "keras.src.saving.saving_lib keras.src.saving.saving_api tensorflow.io datasets.load_dataset ray.init "
        "numpy.DataSource numpy.lib._datasource torch.save torch.from_file getpass keyring tkinter turtle curses "
        "readline",
        "opens files or connections",
    ),
)
PARTS: tuple[tuple[str, str], ...] = (
    (
        "__builtins__ __globals__ __subclasses__ __class__ __bases__ __base__ __mro__ __import__ __reduce__ "
        "__reduce_ex__ __getattribute__ __getattr__ __setattr__ __code__ __dict__ __init__ __call__ __loader__ "
        "__self__ __func__ __closure__ builtins os sys subprocess posix shutil importlib pickle eval exec system "
        "popen Popen spawn runstring check_output check_call execfile",
        "walks to an internal of the interpreter or to a module inside another",
    ),
)
HONEST = (
    "catboost.", "joblib.memory.", "joblib.numpy_pickle.", "joblib.numpy_pickle_compat.", "mlflow.",
    "sklearn.externals.", "sympy.core.", "sympy.functions.", "sympy.logic.", "sympy.matrices.", "sympy.sets.",
    "torch.distributed._shard.", "torch.distributed._tensor.", "torch.distributed.checkpoint.",
    "torch.distributed.tensor.",
)  # fmt: skip
