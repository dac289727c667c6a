"""Faults on request: calls that fail on the wire, endpoints that misbehave, and a record of every call.

    POST /_emulator/faults   {"kind": "throttle", "service": "sagemaker", "operation": "UpdateEndpoint"}
    GET /_emulator/faults    what was asked for, and how often each acted       DELETE clears
    GET /_emulator/calls     every call so far, in order                        DELETE clears

registry   what was asked for, and whose turn it is     identify   which operation a request is
wire       does it to a request                          answers    errors, in the protocol's own shape
calls      the record                                    routes     the HTTP above

Code that acts on endpoints asks `faults.wanted("endpoint", name, kind)`, which uses one up.
"""

from sagemaker_emulator.faults.registry import wanted

__all__ = ["wanted"]
