"""The alternative that `make bench` measures: the usual training script, one model after the other, each logged by MLflow.

The same file, recipe and 11 models as `pipeline/projects/loan_data.toml`, without validation, intervals or checks.
"""

import os
import sys
from pathlib import Path

import mlflow
import pandas as pd
from lightgbm import LGBMClassifier
from mlflow.models import infer_signature
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

TRUSTED = [
    "sklearn.tree._tree.Tree",
    "collections.OrderedDict",
    "lightgbm.basic.Booster",
    "lightgbm.sklearn.LGBMClassifier",
]


def main(path: Path) -> None:
    """Fit and log 11 models."""
    mlflow.set_tracking_uri(os.environ["MLFLOW_TRACKING_URI"])
    mlflow.create_experiment("plain", artifact_location=Path(os.environ["RISKDECK_HOME"], "plain").as_uri())
    mlflow.set_experiment("plain")
    frame = pd.read_csv(path)
    y = frame.pop("default")
    X = with_ratios(frame.drop(columns="customer_id").astype(float))
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, stratify=y, random_state=42)
    models = [LogisticRegression(C=c, max_iter=1000, random_state=42) for c in (0.01, 0.1, 1.0, 10.0)]
    models += [RandomForestClassifier(100, max_depth=depth, random_state=42, n_jobs=-1) for depth in (5, 10, 15)]
    models += [
        LGBMClassifier(n_estimators=100, learning_rate=rate, random_state=42, verbose=-1) for rate in (0.01, 0.05, 0.1, 0.2)
    ]
    for model in models:
        with mlflow.start_run():
            fitted = make_pipeline(StandardScaler(), model).fit(X_train, y_train)
            predicted, scores = fitted.predict(X_test), fitted.predict_proba(X_test)[:, 1]
            mlflow.log_params(model.get_params())
            mlflow.log_metrics(
                {
                    "accuracy": accuracy_score(y_test, predicted),
                    "precision": precision_score(y_test, predicted),
                    "recall": recall_score(y_test, predicted),
                    "f1": f1_score(y_test, predicted),
                    "roc_auc": roc_auc_score(y_test, scores),
                }
            )
            mlflow.sklearn.log_model(
                fitted,
                name="model",
                signature=infer_signature(X_test, predicted),
                input_example=X_test.head(5),
                skops_trusted_types=TRUSTED,
            )


def with_ratios(X: pd.DataFrame) -> pd.DataFrame:
    """Add the three ratios and cap the raw columns by their quartiles."""
    ratios = {
        "debt_to_income": X["total_debt_outstanding"] / X["income"],
        "loan_to_income": X["loan_amt_outstanding"] / X["income"],
        "loan_to_debt": X["loan_amt_outstanding"] / X["total_debt_outstanding"],
    }
    low, high = X.quantile(0.25), X.quantile(0.75)
    return X.clip(low - 1.5 * (high - low), high + 1.5 * (high - low), axis=1).assign(**ratios)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
