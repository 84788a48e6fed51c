"""Check responses and events against the OpenAPI document that the app serves."""

import json

from jsonschema import Draft202012Validator

from web.routes.operations import OPENAPI

SPEC = json.loads(OPENAPI.read_bytes())


def response(path, status, method="get"):
    """Return the description of a response."""
    return SPEC["paths"][path][method]["responses"][str(status)]


def check(schema, value):
    """Check a value, which may have no property that the schema does not describe.

    Raises:
        ValidationError: It is not as described.
    """
    whole = {**_closed(schema), "components": _closed(SPEC["components"])}
    Draft202012Validator(whole).validate(value)


async def check_response(answer, path, method="get"):
    """Check the response of a route.

    Raises:
        ValidationError: It is not as described.
    """
    described = response(path, answer.status_code, method)
    if "$ref" in described:
        described = SPEC["components"]["responses"][described["$ref"].rpartition("/")[2]]
    content = described["content"]
    assert answer.mimetype in content
    if answer.mimetype == "application/json":
        check(content["application/json"]["schema"], json.loads(await answer.get_data()))


def _closed(schema):
    """Allow no properties but those that are described."""
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {"additionalProperties": False} if "properties" in schema else {}
    return {key: _closed(value) for key, value in schema.items()} | closed
