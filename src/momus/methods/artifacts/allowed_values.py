"""More names that a pickle may use: plain values of the standard library and what fitted objects keep of theirs.

Read with ``allowed.py``, and by the same rules.
"""

from __future__ import annotations

# fmt: off
VALUES: tuple[tuple[str, str, str, str, str], ...] = (
    (
        "builtins exceptions",
        "ArithmeticError AssertionError AttributeError BufferError EOFError FileExistsError FileNotFoundError "
        "FloatingPointError ImportError IndexError IsADirectoryError LookupError MemoryError ModuleNotFoundError "
        "NotADirectoryError NotImplementedError OSError OverflowError PermissionError StopIteration TimeoutError "
        "UnicodeDecodeError UnicodeEncodeError ZeroDivisionError Warning DeprecationWarning ImportWarning "
        "PendingDeprecationWarning ResourceWarning SyntaxWarning UnicodeWarning",
        "call", "",
        "errors and warnings; they hold what they are given",
    ),
    (
        "http signal re calendar", "HTTPStatus HTTPMethod Signals Handlers RegexFlag Month Day",
        "call", "one argument",
        "an enumeration; one argument looks a member up",
    ),
    (
        "operator", "attrgetter",
        "call", "plain attribute",
        "takes one public attribute of what it is given",
    ),
    (
        "array", "array _array_reconstructor",
        "call", "",
        "numbers of one type",
    ),
    (
        "random", "Random",
        "call", "no arguments",
        "a random generator; its state is a few numbers",
    ),
    (
        "statistics", "NormalDist",
        "build", "",
        "two numbers",
    ),
    (
        "numpy.polynomial.polynomial numpy.polynomial.chebyshev numpy.polynomial.legendre numpy.polynomial.hermite "
        "numpy.polynomial.hermite_e numpy.polynomial.laguerre",
        "Polynomial Chebyshev Legendre Hermite HermiteE Laguerre",
        "build", "no arguments",
        "coefficients of a polynomial",
    ),
    (
        "sklearn.compose._column_transformer", "make_column_selector",
        "build", "no arguments",
        "picks columns of a table by type or by a pattern of their names",
    ),
    (
        "sklearn.metrics._ranking sklearn.metrics._classification sklearn.metrics._regression "
        "sklearn.metrics.cluster._supervised",
        "roc_auc_score average_precision_score top_k_accuracy_score ndcg_score balanced_accuracy_score "
        "cohen_kappa_score fbeta_score matthews_corrcoef precision_score recall_score jaccard_score hamming_loss "
        "zero_one_loss brier_score_loss hinge_loss explained_variance_score max_error mean_absolute_error "
        "mean_absolute_percentage_error mean_squared_log_error median_absolute_error mean_pinball_loss "
        "mean_gamma_deviance mean_poisson_deviance mean_tweedie_deviance root_mean_squared_error d2_tweedie_score "
        "root_mean_squared_log_error d2_pinball_score d2_absolute_error_score adjusted_rand_score rand_score "
        "completeness_score homogeneity_score v_measure_score mutual_info_score fowlkes_mallows_score "
        "normalized_mutual_info_score adjusted_mutual_info_score",
        "refer", "",
        "measures that a fitted search keeps; pure functions",
    ),
    (
        "pandas", "NA",
        "refer", "",
        "the missing value",
    ),
    (
        "pandas._libs.tslibs.offsets",
        "CustomBusinessDay BusinessHour BusinessMonthEnd BusinessMonthBegin SemiMonthEnd SemiMonthBegin WeekOfMonth "
        "LastWeekOfMonth BQuarterEnd BQuarterBegin BYearEnd BYearBegin Easter",
        "call", "",
        "calendar steps",
    ),
    (
        "pandas._libs.sparse", "IntIndex BlockIndex",
        "call", "",
        "where a sparse column has values; pandas checks the places",
    ),
    (
        "scipy.optimize._optimize", "OptimizeResult",
        "build", "no arguments",
        "a dictionary with attributes",
    ),
)
# fmt: on
