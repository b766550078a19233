"""Names that a pickle may use, each with the reason why that is harmless. Everything else is refused.

Each entry of ``NAMES``: modules, names, what may be done with them, a condition, the reason. ``call``: it may be called
with any arguments that meet the condition (conditions.py). ``build``: an instance may be made without running its
constructor, then be given its state. ``refer``: it may only be mentioned, as a value or as a type. Plain data in Python
rather than in TOML, since every scan reads it and a compiled module is there in no time.
"""

from __future__ import annotations

# fmt: off
NAMES: tuple[tuple[str, str, str, str, str], ...] = (
    (
        "builtins",
        "object bool list dict tuple set frozenset slice range Exception ValueError TypeError KeyError RuntimeError "
        "UserWarning RuntimeWarning FutureWarning",
        "call", "",
        "plain value types; they hold what they are given",
    ),
    (
        "builtins", "int float complex",
        "call", "plain number",
        "numbers; from text or numbers that are short when written out",
    ),
    (
        "builtins", "str",
        "build", "",
        "a type; text is never made by a call, which could spell what nobody sees",
    ),
    (
        "builtins", "Ellipsis NotImplemented len min max sum abs round sorted",
        "refer", "",
        "constants and pure functions, mentioned as values",
    ),
    (
        "builtins", "bytes bytearray",
        "call", "no size",
        "how older protocols write bytes",
    ),
    (
        "builtins", "type",
        "call", "one argument",
        "how the type of None is written",
    ),
    (
        "builtins", "getattr",
        "call", "enum member",
        "how Python 3.11 writes a member of an enumeration or a time zone",
    ),
    (
        "zoneinfo", "ZoneInfo ZoneInfo._unpickle",
        "call", "",
        "a time zone, looked up by its key among those that are installed",
    ),
    (
        "dill._dill cloudpickle.cloudpickle", "_load_type _builtin_type",
        "call", "type name",
        "how dill and cloudpickle name a type of Python, which is ruled on by itself",
    ),
    (
        "dill._dill", "_eval_repr",
        "call", "plain text",
        "how dill writes a range or a constant; nothing else may stand in the text",
    ),
    (
        "logging", "getLogger",
        "call", "",
        "how a logger is written; it is looked up by name",
    ),
    (
        "_codecs", "encode",
        "call", "text codec",
        "how protocol 2 writes bytes",
    ),
    (
        "copyreg", "_reconstructor __newobj__",
        "call", "plain base",
        "how protocols 0 and 1 write an instance; the class is ruled on by itself",
    ),
    (
        "collections", "OrderedDict Counter deque ChainMap UserDict UserList",
        "call", "",
        "containers of the standard library",
    ),
    (
        "collections", "defaultdict",
        "call", "harmless factory",
        "a dictionary that calls what it holds for keys that are missing",
    ),
    (
        "fractions", "Fraction",
        "call", "plain number",
        "a fraction; from text or numbers that are short when written out",
    ),
    (
        "datetime decimal uuid pathlib types ipaddress",
        "datetime date time timedelta timezone Decimal UUID SafeUUID PurePosixPath PureWindowsPath "
        "PosixPath WindowsPath PurePath Path SimpleNamespace IPv4Address IPv6Address IPv4Network IPv6Network",
        "call", "",
        "values of the standard library; a path is only text until somebody opens it",
    ),
    (
        "re", "_compile",
        "call", "",
        "how a compiled regular expression is written",
    ),
    (
        "functools", "partial",
        "call", "harmless function",
        "holds a function that is ruled on by itself",
    ),
    (
        "operator", "itemgetter",
        "call", "",
        "takes items of what it is given",
    ),
    (
        "numpy.core.multiarray numpy._core.multiarray numpy.core._internal", "_reconstruct",
        "call", "empty shape",
        "how NumPy writes an array; the state fills an empty one",
    ),
    (
        "numpy.core.multiarray numpy._core.multiarray", "scalar",
        "call", "text scalar",
        "how NumPy writes a scalar",
    ),
    (
        "numpy.core.numeric numpy._core.numeric", "_frombuffer",
        "call", "",
        "how protocol 5 writes an array",
    ),
    (
        "numpy", "dtype",
        "call", "",
        "describes the type of an array",
    ),
    (
        "numpy numpy.rec numpy.ma numpy.ma.core numpy.core.records numpy.matrixlib.defmatrix numpy.lib.polynomial "
        "numpy.lib._polynomial_impl",
        "ndarray matrix recarray record MaskedArray poly1d",
        "build", "no arguments",
        "array classes; the array comes from the state",
    ),
    (
        "numpy.ma.core", "_mareconstruct",
        "call", "masked",
        "how NumPy writes a masked array",
    ),
    (
        "numpy",
        "float16 float32 float64 longdouble int8 int16 int32 int64 uint8 uint16 uint32 uint64 intp uintp longlong "
        "ulonglong bool bool_ complex64 complex128 str_ bytes_ object_ void datetime64 timedelta64 number floating "
        "integer generic",
        "refer", "",
        "types of array elements",
    ),
    (
        "numpy",
        "exp expm1 exp2 log log1p log2 log10 sqrt square cbrt abs absolute negative reciprocal sign sin cos tan "
        "tanh arcsinh sinh floor ceil rint nan_to_num mean median sum std var min max ravel asarray isnan isfinite "
        "logaddexp add multiply subtract divide maximum minimum",
        "refer", "",
        "pure functions of arrays, mentioned by transformers",
    ),
    (
        "numpy.random._pickle", "__bit_generator_ctor __generator_ctor __randomstate_ctor",
        "call", "numpy family",
        "how NumPy writes a random generator; picks from a fixed list of generators",
    ),
    (
        "numpy.random.bit_generator numpy.random._bit_generator", "__pyx_unpickle_SeedSequence",
        "call", "",
        "state of a random generator",
    ),
    (
        "numpy.random._mt19937 numpy.random._pcg64 numpy.random._philox numpy.random._sfc64 numpy.random.bit_generator",
        "MT19937 PCG64 PCG64DXSM Philox SFC64 SeedSequence",
        "build", "",
        "bit generators; the state is a few numbers",
    ),
    (
        "joblib.numpy_pickle", "NumpyArrayWrapper",
        "build", "",
        "how joblib writes an array; its bytes follow in the file and are accounted for",
    ),
    (
        "sklearn.tree._tree", "Tree",
        "call", "",
        "the fitted tree; its state is checked by scikit-learn",
    ),
    (
        "sklearn.neighbors._kd_tree sklearn.neighbors._ball_tree sklearn.metrics._dist_metrics "
        "sklearn.neighbors._dist_metrics sklearn.neighbors._quad_tree",
        "newObj",
        "call", "sklearn family",
        "makes an empty instance of the class it is given, which is ruled on by itself",
    ),
    (
        "sklearn._loss._loss",
        "CyAbsoluteError CyExponentialLoss CyHalfBinomialLoss CyHalfGammaLoss CyHalfMultinomialLoss "
        "CyHalfPoissonLoss CyHalfSquaredError CyHalfTweedieLoss CyHalfTweedieLossIdentity CyHuberLoss "
        "CyPinballLoss",
        "call", "",
        "loss functions; at most one number as argument",
    ),
    (
        "sklearn.linear_model._sgd_fast",
        "Hinge SquaredHinge Log ModifiedHuber EpsilonInsensitive SquaredEpsilonInsensitive Huber SquaredLoss",
        "call", "",
        "loss functions; at most two numbers as arguments",
    ),
    (
        "sklearn.utils._bunch sklearn.utils", "Bunch",
        "call", "",
        "a dictionary with attributes",
    ),
    (
        "sklearn.cluster._kmeans sklearn.feature_selection._univariate_selection sklearn.cluster._k_means_lloyd "
        "sklearn.cluster._k_means_elkan",
        "_kmeans_single_lloyd _kmeans_single_elkan f_classif f_regression chi2",
        "refer", "",
        "pure functions that fitted estimators keep",
    ),
    (
        "sklearn.feature_selection._mutual_info sklearn.metrics._classification sklearn.metrics._scorer "
        "sklearn.metrics._regression sklearn.metrics.pairwise sklearn.neural_network._base",
        "mutual_info_classif mutual_info_regression accuracy_score f1_score log_loss _passthrough_scorer r2_score "
        "mean_squared_error rbf_kernel linear_kernel euclidean_distances",
        "refer", "",
        "pure functions that fitted estimators keep",
    ),
    (
        "scipy._lib.array_api_compat.numpy._aliases scipy.special._ufuncs scipy.special", "asarray expit logit xlogy",
        "refer", "",
        "pure functions of arrays",
    ),
    (
        "pandas._libs.arrays", "__pyx_unpickle_NDArrayBacked",
        "call", "",
        "how pandas writes an array of dates",
    ),
    (
        "pandas._libs.interval", "__pyx_unpickle_IntervalMixin",
        "call", "pandas family",
        "how pandas writes an array of intervals",
    ),
    (
        "pandas._libs.internals", "_unpickle_block",
        "call", "",
        "a block of a table",
    ),
    (
        "pandas._libs.tslibs.timestamps pandas._libs.tslibs.period pandas._libs.tslibs.timedeltas "
        "pandas._libs.tslibs.nattype pandas._libs.tslibs.conversion",
        "_unpickle_timestamp _timedelta_unpickle _nat_unpickle __nat_unpickle Timestamp Timedelta Period",
        "call", "",
        "how pandas writes a moment or a span of time",
    ),
    (
        "pandas._libs.tslibs.offsets",
        "Day Hour Minute Second Milli Micro Nano BDay BusinessDay MonthEnd MonthBegin Week YearEnd YearBegin "
        "QuarterEnd QuarterBegin",
        "call", "",
        "calendar steps",
    ),
    (
        "pandas.core.indexes.base pandas.core.indexes.datetimes pandas.core.indexes.interval "
        "pandas.core.indexes.timedeltas pandas.core.indexes.period",
        "_new_Index _new_DatetimeIndex _new_IntervalIndex _new_TimedeltaIndex _new_PeriodIndex",
        "call", "pandas family",
        "makes an index of the class it is given, which is ruled on by itself",
    ),
    (
        "pandas.core.internals.managers pandas.core.internals.blocks", "BlockManager SingleBlockManager new_block",
        "call", "",
        "the inside of a table",
    ),
    (
        "pandas pandas.core.dtypes.dtypes pandas.core.arrays.string_ pandas.core.arrays.integer "
        "pandas.core.arrays.floating pandas.core.arrays.boolean",
        "PeriodDtype StringDtype CategoricalDtype DatetimeTZDtype IntervalDtype Int8Dtype Int16Dtype Int32Dtype "
        "Int64Dtype UInt8Dtype Float32Dtype Float64Dtype BooleanDtype",
        "call", "",
        "types of columns",
    ),
    (
        "pyarrow.lib",
        "_restore_array py_buffer type_for_alias StringArray LargeStringArray ChunkedArray chunked_array",
        "call", "",
        "how pandas 3 writes text columns",
    ),
    (
        "torch._utils",
        "_rebuild_tensor _rebuild_tensor_v2 _rebuild_tensor_v3 _rebuild_parameter _rebuild_parameter_with_state "
        "_rebuild_qtensor _rebuild_sparse_tensor _rebuild_nested_tensor _rebuild_meta_tensor_no_storage",
        "call", "",
        "how PyTorch writes a tensor over a storage",
    ),
    (
        "torch._tensor", "_rebuild_from_type_v2",
        "call", "inner call",
        "a tensor with attributes; the function it is handed is ruled on",
    ),
    (
        "dill._dill", "_create_array",
        "call", "inner array",
        "how dill writes an array: NumPy's own reconstruction, which it is handed",
    ),
    (
        "torch.storage", "_load_from_bytes",
        "call", "nested",
        "a storage inside a plain pickle; its bytes are scanned as a file of their own",
    ),
    (
        "torch torch.storage torch.cuda",
        "FloatStorage DoubleStorage HalfStorage BFloat16Storage LongStorage IntStorage ShortStorage CharStorage "
        "ByteStorage BoolStorage ComplexFloatStorage ComplexDoubleStorage QInt8Storage QUInt8Storage QInt32Storage "
        "QUInt4x2Storage QUInt2x4Storage UntypedStorage TypedStorage",
        "refer", "",
        "types of storages",
    ),
    (
        "torch",
        "float16 float32 float64 bfloat16 int8 int16 int32 int64 uint8 uint16 uint32 uint64 bool complex64 "
        "complex128 float8_e4m3fn float8_e5m2 qint8 quint8 qint32 per_tensor_affine per_channel_affine strided "
        "contiguous_format preserve_format channels_last",
        "refer", "",
        "element types and layouts",
    ),
    (
        "torch.jit._pickle", "build_intlist build_tensorlist build_doublelist build_boollist "
        "build_tensor_from_id restore_type_tag",
        "call", "",
        "how TorchScript writes a list; returns what it is given",
    ),
    (
        "torch torch.serialization", "Size device _get_layout",
        "call", "",
        "values that describe a tensor",
    ),
    (
        "torch torch._tensor torch.nn.parameter", "Tensor Parameter Buffer UninitializedParameter",
        "build", "",
        "tensor classes",
    ),
    (
        "torch.nn.functional torch._C._nn torch", "relu gelu silu leaky_relu tanh sigmoid",
        "refer", "",
        "activation functions kept by transformer layers",
    ),
)
# fmt: on
