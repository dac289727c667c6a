"""Models, endpoints and the runtime API: importing this package registers its operations with `seams`.

models, configs   what is asked for, kept           endpoint       the states of one endpoint
deployments       what an update may not ask for    scaling        what Application Auto Scaling holds
rollout           an update's steps, decided        runner         an update's steps, taken
side, serving     the fleets before and during      traffic        which of them answers a request
fleet             the instances of one config       instance       one container process
stopwatch, watch  AWS's time; alarms and faults     invoke         InvokeEndpoint
shadow, capture   copies of requests, records       metrics        what CloudWatch hears
"""

from sagemaker_emulator.hosting import configs, describe, invoke, models, operations

__all__ = ["configs", "describe", "invoke", "models", "operations"]
