"""Run inside the server's environment: a real MLflow model to serve, and a registry with what it stores."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import mlflow
import mlflow.sklearn
import numpy as np
from mlflow.models import infer_signature
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

HOME = Path(sys.argv[1])
PLAIN = ["scikit-learn"]


def wines() -> tuple:
    data = load_wine(as_frame=True)
    table = data.data.rename(columns={"od280/od315_of_diluted_wines": "diluted"})
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)).fit(table[::2], data.target[::2])
    rest = table[1::2].reset_index(drop=True)
    rest.assign(label=data.target[1::2].to_numpy()).to_csv(HOME / "wines.csv", index=False)
    np.savez(HOME / "wines.npz", labels=model.predict(rest), probabilities=model.predict_proba(rest))
    return model, infer_signature(rest.iloc[:5], model.predict(rest.iloc[:5]))


def registered(model: object, signature: object) -> None:
    """Two versions of one name, a run with an artifact, and an alias; by MLflow's own client against its own server."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--backend-store-uri", f"sqlite:///{HOME}/mlflow.db", "--artifacts-destination", str(HOME / "artifacts"),
    ]  # fmt: skip
    server = subprocess.Popen(command, env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"})
    try:
        until(f"http://127.0.0.1:{port}/health")
        mlflow.set_tracking_uri(f"http://127.0.0.1:{port}")
        mlflow.set_experiment("cellar")
        with mlflow.start_run(run_name="training") as run:
            common = {"signature": signature, "pip_requirements": PLAIN, "registered_model_name": "wines"}
            mlflow.sklearn.log_model(model, name="model", **common)
            mlflow.sklearn.log_model(model, name="pickled", serialization_format="cloudpickle", **common)
        client = mlflow.MlflowClient()
        client.set_registered_model_alias("wines", "champion", "1")
        (HOME / "run").write_text(run.info.run_id)
    finally:
        server.terminate()
        server.wait()


def until(url: str) -> None:
    for _ in range(1200):
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the server did not come up")


found = wines()
mlflow.sklearn.save_model(found[0], HOME / "model", signature=found[1], pip_requirements=PLAIN)
registered(*found)
