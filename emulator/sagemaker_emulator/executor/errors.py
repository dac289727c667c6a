"""What can be wrong with a pipeline, and when it shows.

PipelineError
├── DefinitionError   the definition cannot run as written    CreatePipeline and UpdatePipeline refuse it
├── ParameterError    the values given at start do not fit    StartPipelineExecution refuses them
└── ResolutionError   a value cannot be computed              the step that needs it fails
"""

from __future__ import annotations


class PipelineError(Exception):
    """The root of everything that this package refuses."""


class DefinitionError(PipelineError):
    """The definition cannot run as written: nothing is stored and nothing starts."""


class ParameterError(PipelineError):
    """A value given to StartPipelineExecution is unknown, missing or of the wrong type."""


class ResolutionError(PipelineError):
    """A reference, function or condition has no value; the step that needs it fails with this text."""
