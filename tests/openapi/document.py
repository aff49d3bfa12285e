"""A vendor's API document, and what it says about one request and one answer.

Owns: finding the operation, and judging parameters, bodies and statuses with an independent validator. Knows no simulator.
Answers are judged more strictly than the document asks: a field that the document does not know is an error, unless it is on a
list of those that the vendor is known to send."""
import json
import pathlib
import re

import yaml
from openapi_schema_validator import OAS30Validator, oas30_format_checker
from referencing import Registry
from referencing.jsonschema import DRAFT4

METHODS = ("get", "put", "post", "patch", "delete")


def pointer(*parts):
    return "/".join(part.replace("~", "~0").replace("/", "~1") for part in parts)


class Document:
    def __init__(self, path, base="", undocumented=()):
        text = pathlib.Path(path).read_text(encoding="utf-8")
        # A date in an example must stay text, hence no YAML types for dates.
        self.raw = json.loads(text) if str(path).endswith(".json") else yaml.load(text, Loader=PlainLoader)
        self.name, self.base = pathlib.Path(path).name, base
        self.open = self._registry(self.raw)
        self.closed = self._registry(close(json.loads(json.dumps(self.raw)), set(undocumented)))

    @staticmethod
    def _registry(contents):
        return Registry().with_resource("urn:document", DRAFT4.create_resource(contents))

    def deref(self, node):
        while isinstance(node, dict) and "$ref" in node:
            node_ref, node = node["$ref"], self.raw
            for part in node_ref.removeprefix("#/").split("/"):
                node = node[part.replace("~1", "/").replace("~0", "~")]
        return node

    def operations(self):
        return {(m.upper(), p) for p, ops in self.raw["paths"].items() for m in ops if m in METHODS}

    def find(self, method, path):
        """The template of a path; the one with the fewest placeholders where several fit."""
        path = path.removeprefix(self.base)
        fits = []
        for template, operations in self.raw["paths"].items():
            if method.lower() not in operations:
                continue
            parts = re.split(r"\{[^}]*\}", template)
            if re.fullmatch("[^/]+".join(map(re.escape, parts)), path):
                fits.append((len(parts), template))
        return min(fits)[1] if fits else None

    def judge(self, schema_pointer, value, strict):
        schema = {"$ref": f"urn:document#/{schema_pointer}"}
        validator = OAS30Validator(schema, registry=self.closed if strict else self.open, format_checker=oas30_format_checker)
        return [f"{'/'.join(map(str, e.absolute_path)) or '.'}: {e.message[:200]}" for e in validator.iter_errors(value)]

    def request(self, method, template, query, headers, body):
        """What is wrong with a request."""
        operation = self.raw["paths"][template][method.lower()]
        listed = self.raw["paths"][template].get("parameters", []) + operation.get("parameters", [])
        known = [self.deref(p) for p in listed]
        wrong = []
        names = {p["name"]: p for p in known if p["in"] == "query"}
        for name, value in query:
            if name not in names:
                wrong.append(f"the document has no parameter {name}")
            else:
                wrong += [f"parameter {name}: {why}" for why in plain(self.deref(names[name]["schema"]), value)]
        given = {name for name, _ in query} | {name.lower() for name in headers}
        for p in known:
            if p.get("required") and p["in"] != "path" and p["name"].lower() not in {g.lower() for g in given}:
                wrong.append(f"parameter {p['name']} is required")
        content = operation.get("requestBody", {}).get("content", {})
        if body is not None and not content:
            wrong.append("the document has no body here")
        if isinstance(body, (dict, list)) and "application/json" in content:
            where = pointer("paths", template, method.lower(), "requestBody", "content", "application/json", "schema")
            wrong += [f"request body {why}" for why in self.judge(where, body, strict=False)]
        return wrong

    def answer(self, method, template, status, body):
        """What is wrong with an answer; None where the document says nothing about this status."""
        responses = self.raw["paths"][template][method.lower()]["responses"]
        key = str(status) if str(status) in responses else "default" if "default" in responses else None
        if key is None or (key == "default" and status < 400):
            return None
        node, where = responses[key], ["paths", template, method.lower(), "responses", key]
        if "$ref" in node:
            where = node["$ref"].removeprefix("#/").split("/")
            node = self.deref(node)
        content = node.get("content", {})
        if not content:
            return [] if body is None else ["a body where the document has none"]
        kind = next(k for k in ("application/json", "*/*") if k in content)
        if body is None:
            return ["no body where the document has one"]
        return self.judge(pointer(*where, "content", kind, "schema"), body, strict=True)


class PlainLoader(yaml.SafeLoader):
    pass


PlainLoader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in pairs if tag != "tag:yaml.org,2002:timestamp"]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def close(node, undocumented):
    """Lets no object have a property that the document does not list."""
    if isinstance(node, list):
        return [close(entry, undocumented) for entry in node]
    if not isinstance(node, dict):
        return node
    node = {key: close(value, undocumented) for key, value in node.items()}
    listed = node.get("properties")
    if isinstance(listed, dict) and listed and node.get("type") in ("object", None) and "additionalProperties" not in node:
        node["properties"] = {name: {} for name in undocumented} | listed
        node["additionalProperties"] = False
    return node


def plain(schema, text):
    """A query's value against a simple schema."""
    kind = schema.get("type")
    if kind == "integer" and not re.fullmatch(r"-?\d+", text):
        return [f"{text} is no integer"]
    if kind == "boolean" and text not in ("true", "false"):
        return [f"{text} is no boolean"]
    if kind == "array":
        return [why for part in text.split(",") for why in plain(schema.get("items", {}), part)]
    return []
