"""Makes a model that is one number, drawn from the release's id: releases answer differently."""

import json
import os
from pathlib import Path

BASE = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))


def main() -> None:
    """Write model.json where training leaves its model."""
    settings = json.loads((BASE / "input/config/hyperparameters.json").read_text("utf-8"))
    release_id = settings["release-id"]
    bias = int(release_id[:6], 16) / 1000
    print(f"epoch=1 train_loss=0.1 validation_loss=0.1 validation_auc={0.9}")
    (BASE / "model").mkdir(parents=True, exist_ok=True)
    model = {"schema_version": 1, "release_id": release_id, "bias": bias}
    (BASE / "model/model.json").write_text(json.dumps(model), "utf-8")


if __name__ == "__main__":
    main()
