"""Names of R that decide how a saved value is judged."""

from __future__ import annotations

import re

_REASONS: tuple[tuple[str, str], ...] = (
    ("system system2 shell shell.exec pipe Rscript callr processx sys::exec_wait exec_internal", "runs a command"),
    ("eval evalq parse source sys.source str2lang str2expression body<- eval.parent", "runs code from text or data"),
    ("dyn.load library.dynam .C .Call .External .Fortran .Internal .Primitive", "calls native code"),
    ("download.file url socketConnection curl_download curl_fetch_memory GET POST make.socket serverSocket readRDS "
     "load unserialize install.packages attach", "fetches or reads further data"),
    ("unlink file.remove file.create file.copy file.rename file file.append writeLines writeBin cat sink save saveRDS "
     "dir.create Sys.chmod write Sys.setenv", "changes files or the environment"),
    ("library require requireNamespace loadNamespace", "loads a package, whose code runs"),
    ("reg.finalizer addTaskCallback makeActiveBinding delayedAssign assignInNamespace trace setHook",
     "has code run later"),
)  # fmt: skip
GRAVE: dict[str, str] = {name: reason for names, reason in _REASONS for name in names.split()}
# those that no function of a fitted model has a use for
WORST = frozenset(name for names, _ in (_REASONS[0], _REASONS[3]) for name in names.split()) - {
    "url", "file", "load", "attach", "readRDS", "unserialize", "GET", "POST"
} | {"dyn.load", "unlink", "file.remove", "eval.parent", "str2lang"}  # fmt: skip
# heads of calls that formulas, terms and the `call` of fitted models consist of
LANGUAGE = frozenset(
    re.split(
        " ",
        "~ + - * / ^ : | || & && ! ( [ [[ $ < > <= >= == != %in% %% %/% { I log log2 log10 log1p exp sqrt abs poly ns "
        "bs s te ti lo factor as.factor ordered as.numeric as.integer as.character cut offset strata cluster Surv "
        "scale rev seq seq_len c list data.frame cbind rbind lm glm gam loess nls aov lme lmer glmer coxph survreg "
        "survfit rpart tree randomForest ranger svm naiveBayes lda qda knn kmeans prcomp princomp nnet multinom polr "
        "gbm xgboost xgb.train xgb.DMatrix cv.glmnet glmnet ksvm train arima Arima auto.arima ets hclust dist density "
        "t.test numeric matrix vector rep round mean sum min max ifelse is.na sin cos formula as.formula terms "
        "model.frame binomial gaussian poisson Gamma variables eval stats::lm stats::glm :: ::: quote na.omit subset "
        "with within update weights structure names length nrow ncol",
    )
) - {"eval"}  # fmt: skip
# functions that R runs by itself if a workspace holds them
WORKSPACE = frozenset([".First", ".Last", ".First.sys", ".onLoad", ".onAttach", ".onUnload", "quit", "q"])
PACKAGES = frozenset(
    re.split(
        " ",
        "base stats methods utils graphics grDevices datasets tools parallel splines stats4 Matrix survival nlme MASS "
        "mgcv rpart nnet class",
    )
)
ALTREP = frozenset(["compact_intseq", "compact_realseq", "deferred_string", "wrap_integer", "wrap_real", "wrap_string",
                    "wrap_logical", "wrap_complex", "wrap_raw", "wrap_list"])  # fmt: skip
