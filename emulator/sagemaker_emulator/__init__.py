"""SageMaker on this machine: moto's AWS, with jobs, pipelines and endpoints that really execute.

Run:  sagemaker-emulator run -- python -m pytest      # start, set the environment, run, stop
      sagemaker-emulator up                           # keep one running; its variables are in .emulator/env
"""

__version__ = "0.1.0"
