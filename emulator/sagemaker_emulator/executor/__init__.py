"""Pipelines that run step by step: importing this package registers its operations with `seams`.

checks.parse   definition JSON -> Definition, or a refusal by name      pure
values.resolve, conditions.evaluate, plan.decide                         pure
execution      the threads of one execution · calls: what steps ask SageMaker for
operations, runs   the API
"""

from sagemaker_emulator.executor import operations, runs

__all__ = ["operations", "runs"]
