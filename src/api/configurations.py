"""A workflow's configuration as callers send it, checked as far as this process can."""

from __future__ import annotations

from pydantic import ValidationError

from api.http.bodies import field_errors
from api.http.errors import FieldError, Unprocessable
from api.ports import Ports
from domain.values import Configuration


def configuration_of(ports: Ports, given: Configuration | None) -> Configuration:
    """Return the configuration, its stages' options known to their executors.

    Options of a stage whose executor is not installed here are left to the worker. Raises
    Unprocessable, naming each option that is not understood.
    """
    configuration = given or Configuration()
    errors = [
        error
        for name in configuration.stages
        if name in ports.stage_types
        for error in _option_errors(ports, name, configuration)
    ]
    if errors:
        raise Unprocessable(errors)
    return configuration


def _option_errors(ports: Ports, name: str, configuration: Configuration) -> list[FieldError]:
    try:
        ports.stage_types[name].options_model.model_validate(dict(configuration.options_of(name)))
    except ValidationError as error:
        prefix = f"configuration.stages.{name}.options"
        return [FieldError(f"{prefix}.{e.field}", e.detail) for e in field_errors(error.errors())]
    return []
