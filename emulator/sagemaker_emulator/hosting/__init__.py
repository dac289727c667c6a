"""Models, endpoints and the runtime API: importing this package registers its operations with `seams`.

models, configs   what is asked for, kept          endpoint   the states of one endpoint
fleet             the instances of one config      instance   one container process
invoke            InvokeEndpoint                   metrics    what CloudWatch hears
"""

from sagemaker_emulator.hosting import configs, describe, invoke, models, operations

__all__ = ["configs", "describe", "invoke", "models", "operations"]
