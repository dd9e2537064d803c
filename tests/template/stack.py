"""template.yaml as SAM turns it into CloudFormation, and what the project says beside it: code, runbook, shapes."""

import copy
import json
import logging
import os
import re
import subprocess
from pathlib import Path

os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
# Whoever runs this may have an account configured; nothing here may depend on it.
os.environ["AWS_ACCESS_KEY_ID"] = "none"
os.environ["AWS_SECRET_ACCESS_KEY"] = "none"

from samcli.yamlhelper import yaml_parse  # noqa: E402
from samtranslator.translator.transform import transform  # noqa: E402

# It would speak of metrics of its own that nobody asked for.
logging.getLogger("samtranslator").setLevel(logging.ERROR)

ROOT = Path(__file__).resolve().parents[2]

# A function's code has to be somewhere for the transform; where does not matter to it.
CODE = "s3://code/bootstrap.zip"


class NoManagedPolicies:
    """Stands where the transform would ask IAM for the names of managed policies. The template uses none."""

    def load(self):
        return {}


def source():
    """template.yaml as written."""
    return yaml_parse((ROOT / "template.yaml").read_text())


def transformed(written, region="us-east-1", code=None):
    """What CloudFormation gets to see in a region. `code` gives each function's code by logical id."""
    template = copy.deepcopy(written)
    template.get("Globals", {}).get("Function", {}).pop("CodeUri", None)
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = code(name) if code else CODE
    before = os.environ["AWS_DEFAULT_REGION"]
    os.environ["AWS_DEFAULT_REGION"] = region
    try:
        # JSON and back: what two places of the template share must not be changed in both by a mistake planted in one.
        return json.loads(json.dumps(transform(template, {}, NoManagedPolicies()), default=str))
    finally:
        os.environ["AWS_DEFAULT_REGION"] = before


class Stack:
    """Everything that the checks compare. A planted mistake changes a copy."""

    def __init__(self):
        self.source = json.loads(json.dumps(source(), default=str))
        self.template = transformed(self.source)
        self.china = transformed(self.source, "cn-north-1")
        self.shapes = shapes()
        self.binaries = binaries()
        self.routes = routes()
        self.settings = settings()
        self.runbook = runbook()
        self.tables_alone = tables_alone()

    @property
    def resources(self):
        return self.template["Resources"]

    def copy(self):
        return copy.deepcopy(self)

    def of(self, kind):
        """Resources of a type: logical id and properties."""
        return {name: r.get("Properties", {}) for name, r in self.resources.items() if r["Type"] == kind}

    def functions(self):
        return self.of("AWS::Lambda::Function")

    def value(self, node):
        """What a node comes to with the parameters' defaults. References to resources become their logical id,
        attributes `Id.Attribute`, pseudo parameters `${AWS::Name}`; what is left out becomes `None`."""
        if isinstance(node, list):
            values = [self.value(one) for one in node]
            return [one for one in values if one is not None]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            ((key, inner),) = node.items()
            if key == "Ref":
                return self.named(inner)
            if key == "Fn::GetAtt":
                return ".".join(inner) if isinstance(inner, list) else inner
            if key == "Fn::If":
                return self.value(inner[1] if self.holds({"Condition": inner[0]}) else inner[2])
            if key == "Fn::Sub":
                return self.filled(inner)
            if key == "Fn::Join":
                return inner[0].join(str(self.value(one)) for one in inner[1])
        values = {key: self.value(inner) for key, inner in node.items()}
        return {key: value for key, value in values.items() if value is not None}

    def named(self, name):
        if name == "AWS::NoValue":
            return None
        if name.startswith("AWS::"):
            return "${" + name + "}"
        parameter = self.template.get("Parameters", {}).get(name)
        return name if parameter is None else parameter.get("Default", "")

    def filled(self, sub):
        text, given = (sub, {}) if isinstance(sub, str) else sub
        known = {key: self.value(value) for key, value in given.items()}

        def one(match):
            name = match.group(1)
            if name in known:
                return str(known[name])
            return name if "." in name else str(self.named(name))

        return re.sub(r"\$\{([^!}][^}]*)\}", one, text)

    def holds(self, node):
        """Whether a condition holds with the parameters' defaults."""
        ((key, inner),) = node.items()
        if key == "Condition":
            return self.holds(self.template["Conditions"][inner])
        if key == "Fn::Equals":
            # A number of a parameter is text to CloudFormation.
            left, right = (str(self.value(one)) for one in inner)
            return left == right
        parts = [self.holds(one) for one in inner]
        return {"Fn::Not": lambda: not parts[0], "Fn::And": lambda: all(parts), "Fn::Or": lambda: any(parts)}[key]()

    def target(self, node):
        """The logical id that a reference, an attribute or a substitution is about."""
        value = self.value(node)
        found = re.match(r"(?:\$\{)?([A-Za-z0-9]+)", str(value))
        return found.group(1) if found else None


def fronted(stack):
    """Which function answers which path of the HTTP API, by the API's own document."""
    found = {}
    for api in stack.of("AWS::ApiGatewayV2::Api").values():
        for path, methods in api["Body"]["paths"].items():
            for method, operation in methods.items():
                uri = stack.value(operation["x-amazon-apigateway-integration"]["uri"])
                found[method, path] = re.search(r"functions/(?:\$\{)?([A-Za-z0-9]+)\.Arn", uri).group(1)
    return found


def tables_alone():
    """The template of the tables alone, as `infra/tables` prints it for an import."""
    text = subprocess.run([ROOT / "infra/tables"], check=True, capture_output=True, text=True).stdout
    return json.loads(json.dumps(yaml_parse(text), default=str))


def shapes():
    """The tables as the code creates them, printed by `shapes` of the package `tests`."""
    program = os.environ.get("SHAPES")
    command = [program] if program else ["cargo", "run", "--quiet", "--locked", "-p", "tests", "--bin", "shapes"]
    return json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)


def binaries():
    """The Lambda programs of the package `functions`."""
    manifest = (ROOT / "functions/Cargo.toml").read_text()
    return re.findall(r'\[\[bin\]\]\s*name = "([a-z_]+)"', manifest)


def routes():
    """Every address of the shop: method, path, and the program that answers."""
    text = (ROOT / "functions/src/routes.rs").read_text()
    found = re.findall(r'route\(&Method::([A-Z]+), "([^"]+)", Function::([A-Za-z]+)\)', text)
    return [(method, path, re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()) for method, path, name in found]


def settings():
    """What the code reads of a function's environment: every name, and those without which no function starts."""
    text = (ROOT / "shared/app/src/config.rs").read_text()
    return {
        "read": sorted(set(re.findall(r'"((?:KAMIVEND_[A-Z_]+)|RUST_LOG)"', text))),
        "required": sorted(set(re.findall(r'required\("(KAMIVEND_[A-Z_]+)"\)', text))),
    }


def runbook():
    """Entries of the runbook: the path of a page and the anchors of its headings."""
    pages = {}
    for page in sorted((ROOT / "infra/runbook").glob("*.md")):
        headings = re.findall(r"^#{1,4} +(.+?) *$", page.read_text(), re.MULTILINE)
        pages[page.relative_to(ROOT).as_posix()] = [
            re.sub(r"[^a-z0-9 -]", "", h.lower()).replace(" ", "-") for h in headings
        ]
    return pages
