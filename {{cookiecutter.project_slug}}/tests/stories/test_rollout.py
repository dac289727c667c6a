"""Production changes hands under watch, and comes back by itself when nobody watches any more."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

from tests.stories.world import World


def bigger(text: str) -> str:
    """Ask for another machine in production: the same model and images, another endpoint config."""
    head, production, tail = text.partition("[environments.production]")
    return head + production + tail.replace("ml.m5.large", "ml.m5.xlarge", 1)


def config(world: World) -> str:
    """Return the endpoint config that production serves."""
    told = world.aws("sagemaker").describe_endpoint(EndpointName=f"{world.slug}-production")
    assert told["EndpointStatus"] == "InService"
    return told["EndpointConfigName"]


def baking(world: World) -> bool:
    """Say whether an update has put traffic on its new fleet."""
    told = world.aws("sagemaker").describe_endpoint(EndpointName=f"{world.slug}-production")
    variants = told.get("PendingDeploymentSummary", {}).get("ProductionVariants", [])
    return any(status["Status"] == "Baking" for variant in variants for status in variant["VariantStatus"])


def until(condition, seconds: float = 60) -> None:
    """Wait for a condition."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)


def test_a_release_whose_runner_dies_is_taken_back_and_the_next_run_brings_it(world: World) -> None:
    before = config(world)
    with world.edited("mlops.toml", bigger):
        runner = subprocess.Popen(
            [sys.executable, "-m", "pipelines", "release"],
            cwd=world.root, env=world.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        until(lambda: baking(world))
        os.kill(runner.pid, signal.SIGKILL)
        runner.wait()
        until(lambda: not baking(world))
        until(lambda: world.live().endpoints[0][1] == "InService")
        assert config(world) == before
        again = world.release()
        assert again.code == 0, again.output
        assert config(world) != before
    told = json.loads((world.root / "build" / "release.json").read_text("utf-8"))["rollouts"][0]
    bucket, key = (
        f"{world.slug}-123456789012-{world.region}",
        f"releases/{told['package']['release_id']}/rollout.json",
    )
    assert json.loads(world.aws("s3").get_object(Bucket=bucket, Key=key)["Body"].read()) == told
    assert (told["verdict"], told["canary_seen"]) == ("promoted", True)
    assert (told["probes"]["wrong"], told["probes"]["failed"]) == (0, 0)
    assert told["events"][-1]["share"] == 1
    assert world.aws("cloudwatch").describe_alarms()["MetricAlarms"] == []
    assert world.release().code == 0
    assert config(world) == before
