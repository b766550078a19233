"""Classes of libraries whose instances a pickle may build: each is given its state, no constructor runs.

Left out on purpose: ``scipy.stats`` distributions, whose ``__setstate__`` runs a template that the state holds.
"""

from __future__ import annotations

# fmt: off
BUILT: tuple[tuple[str, str, str, str, str], ...] = (
    (
        "pandas",
        "DataFrame Series Index RangeIndex MultiIndex DatetimeIndex TimedeltaIndex PeriodIndex IntervalIndex "
        "CategoricalIndex Categorical",
        "build", "",
        "a table, column or index, rebuilt from its state",
    ),
    (
        "scipy.sparse._csr scipy.sparse._csc scipy.sparse._coo scipy.sparse._lil scipy.sparse._dok "
        "scipy.sparse._bsr scipy.sparse._dia scipy.sparse.csr scipy.sparse.csc scipy.sparse.coo scipy.sparse.lil "
        "scipy.sparse.dok scipy.sparse.bsr scipy.sparse.dia scipy.sparse",
        "csr_matrix csr_array csc_matrix csc_array coo_matrix coo_array lil_matrix lil_array dok_matrix dok_array "
        "bsr_matrix bsr_array dia_matrix dia_array",
        "build", "",
        "a sparse matrix, rebuilt from its state",
    ),
    (
        "xgboost.sklearn xgboost.core xgboost.callback",
        "XGBModel XGBClassifier XGBRegressor XGBRanker XGBRFClassifier XGBRFRegressor Booster EarlyStopping "
        "EvaluationMonitor",
        "build", "no arguments",
        "an XGBoost model, rebuilt from its state",
    ),
    (
        "lightgbm.sklearn lightgbm.basic lightgbm.engine",
        "LGBMModel LGBMClassifier LGBMRegressor LGBMRanker Booster CVBooster",
        "build", "no arguments",
        "a LightGBM model, rebuilt from its state",
    ),
    (
        "argparse", "Namespace",
        "build", "no arguments",
        "the settings of a training run, an object with attributes only",
    ),
    (
        "scipy.spatial._ckdtree scipy.spatial._kdtree scipy.spatial.ckdtree scipy.spatial.kdtree", "cKDTree KDTree",
        "build", "no arguments",
        "a search tree, rebuilt from its arrays",
    ),
    (
        "scipy.stats._kde scipy.stats.kde scipy.interpolate._interpolate scipy.interpolate.interpolate",
        "gaussian_kde interp1d",
        "build", "no arguments",
        "arrays and a few numbers",
    ),
    (
        "numpy.random.mtrand numpy.random._generator", "RandomState Generator",
        "build", "no arguments",
        "a random generator",
    ),
    (
        "networkx.classes.graph networkx.classes.digraph networkx.classes.multigraph networkx.classes.multidigraph",
        "Graph DiGraph MultiGraph MultiDiGraph",
        "build", "no arguments",
        "a graph as dictionaries",
    ),
    (
        "stable_baselines3.common.utils stable_baselines3.common.running_mean_std "
        "stable_baselines3.common.vec_env.vec_normalize stable_baselines3.common.buffers",
        "FloatSchedule ConstantSchedule LinearSchedule RunningMeanStd VecNormalize ReplayBuffer RolloutBuffer "
        "DictReplayBuffer DictRolloutBuffer",
        "build", "no arguments",
        "numbers, arrays and schedules of a training run",
    ),
    (
        "scipy.interpolate._interpolate scipy.interpolate.interpolate",
        "interp1d._call_linear interp1d._call_linear_np interp1d._call_nearest interp1d._call_previousnext "
        "interp1d._call_spline interp1d._call_nan_spline",
        "refer", "",
        "which way of interpolating was chosen",
    ),
    (
        "stable_baselines3.common.policies stable_baselines3.common.torch_layers stable_baselines3.dqn.policies "
        "stable_baselines3.sac.policies stable_baselines3.td3.policies stable_baselines3.ppo.policies",
        "ActorCriticPolicy ActorCriticCnnPolicy MultiInputActorCriticPolicy FlattenExtractor NatureCNN "
        "CombinedExtractor MlpExtractor DQNPolicy CnnPolicy MlpPolicy MultiInputPolicy SACPolicy TD3Policy",
        "refer", "",
        "which network an agent has; its constructor makes layers of the sizes it is told",
    ),
    (
        "stable_baselines3.common.type_aliases", "TrainFreq TrainFrequencyUnit",
        "call", "",
        "how often an agent learns",
    ),
    (
        "gymnasium.spaces.box gymnasium.spaces.discrete gymnasium.spaces.multi_binary gymnasium.spaces.dict "
        "gymnasium.spaces.multi_discrete gymnasium.spaces.tuple gymnasium.spaces.text gym.spaces.box "
        "gym.spaces.discrete gym.spaces.multi_binary gym.spaces.multi_discrete gym.spaces.dict gym.spaces.tuple",
        "Box Discrete MultiBinary MultiDiscrete Dict Tuple Text",
        "build", "no arguments",
        "what an agent sees and does: bounds and shapes",
    ),
    (
        "torch.utils.data.dataset", "TensorDataset ConcatDataset Subset StackDataset",
        "build", "no arguments",
        "tensors in a row",
    ),
)
# fmt: on
# Classes defined under a package, none of these parts in their path: instances may be built, constructors may not run.
CLASSES: tuple[tuple[str, str, str], ...] = (
    (
        "sklearn",
        "tests conftest datasets externals _build_utils _testing _cyutility callback parallel Parallel Memory Thread "
        "Queue Connection StringIO BytesIO Path Progress Enum estimator_checks",
        "a scikit-learn estimator or part of one, rebuilt from its state",
    ),
    (
        "scipy.interpolate",
        "tests",
        "an interpolating spline, rebuilt from its state",
    ),
    (
        "pandas.core",
        "computation",
        "a table, column, index or array, rebuilt from its state",
    ),
    (
        "pandas.arrays",
        "",
        "an array of a column, rebuilt from its state",
    ),
    (
        "torch.nn.modules",
        "lazy",
        "a layer of PyTorch, rebuilt from its state",
    ),
    (
        "torch.optim",
        "",
        "an optimiser or schedule, rebuilt from its state",
    ),
    (
        "torch.distributions",
        "",
        "a distribution, rebuilt from its parameters",
    ),
    (
        "__torch__",
        "",
        "a class that a TorchScript archive defines itself; Python cannot import it",
    ),
)
