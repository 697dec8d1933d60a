"""The table of the control API's routes, and the OpenAPI 3.1 document that is written from it."""

from collections.abc import Iterable
from typing import Any, Final

from worker.sandbox.api.changing import changes
from worker.sandbox.api.reading import reads
from worker.sandbox.api.routes import ControlRoute, Parameter, Values
from worker.sandbox.calls import Call
from worker.sandbox.feed import EVENTS
from worker.sandbox.house import House


def _openapi(house: House, _asked: Values, _: Call) -> Any:
    return document(ROUTES, house.http_url)


ROUTES: Final = (ControlRoute("openapi.json", "This document.", _openapi), *reads.found, *changes.found)


_HAPPENING: Final = {
    "type": "object",
    "required": ["number", "at", "event", "userId", "socket", "about", "remark"],
    "properties": {
        "number": {"type": "integer"},
        "at": {"type": "string", "format": "date-time"},
        "event": {"type": "string", "enum": list(EVENTS)},
        "userId": {"type": "string"},
        "socket": {"type": "integer"},
        "about": {"type": "string"},
        "remark": {"type": "string"},
        "frame": {"type": "string", "description": "without passwords, as long as it is kept"},
    },
}
_ERROR: Final = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}
_VERSION: Final = "1.0.0"


def document(routes: Iterable[ControlRoute], url: str) -> dict[str, Any]:
    """The document of these routes at this address."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Fapiao Worker sandbox: control API",
            "version": _VERSION,
            "description": "A stand-in for the vendor's gateway. Nothing issued here is a tax invoice.",
        },
        "servers": [{"url": url}],
        "paths": {f"/_sandbox/{route.path}": {_method(route): _operation(route)} for route in routes},
        "components": {"schemas": {"Happening": _HAPPENING, "Error": _ERROR}},
    }


def _method(route: ControlRoute) -> str:
    return "post" if route.changes else "get"


def _operation(route: ControlRoute) -> dict[str, Any]:
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    told: dict[str, Any] = {
        "operationId": "_".join(route.path.replace(".", "/").split("/")),
        "summary": route.summary,
        "parameters": [_parameter(parameter) for parameter in route.takes],
        "responses": {
            "200": {"description": "Done.", "content": {route.content: {"schema": dict(route.answers)}}},
            **{str(status): {"description": means, "content": error} for status, means in route.also.items()},
            "400": {"description": "A parameter makes no sense.", "content": error},
            "403": {"description": "A page of another origin asked.", "content": error},
        },
    }
    if route.body:
        content: dict[str, Any] = {"application/json": {"schema": {}}}
        told["requestBody"] = {"description": route.body, "required": False, "content": content}
    return told


def _parameter(parameter: Parameter) -> dict[str, Any]:
    limits = {"minimum": parameter.least, "maximum": parameter.most, "default": parameter.default}
    return {
        "name": parameter.name,
        "in": "query",
        "required": parameter.needed,
        "description": parameter.meaning,
        "schema": {
            "type": parameter.kind,
            **{name: value for name, value in limits.items() if value is not None},
        },
    }
