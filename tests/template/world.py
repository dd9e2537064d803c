"""A whole AWS in one process on loopback, with the stack deployed into it: `ministack`, with roles enforced."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import boto3
from botocore.config import Config

from stack import fronted, source, transformed

REGION = "us-east-1"
STACK = "kamivend-test"
ACCOUNT = "000000000000"


def fail(words):
    print(f"FAILED  emulator: {words}")
    sys.exit(1)


def until(seconds, what, look):
    """Looks again and again until it finds something; gives up only when nothing can be expected any more."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.2)
    fail(f"{what} did not come to pass within {seconds} s")


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def heard_from_outside(process):
    """Addresses beyond loopback on which a process listens."""
    sockets = set()
    for descriptor in Path(f"/proc/{process}/fd").iterdir():
        try:
            link = os.readlink(descriptor)
        except OSError:
            continue
        if link.startswith("socket:["):
            sockets.add(link[8:-1])
    found = []
    for table in ("tcp", "tcp6", "udp", "udp6"):
        listening = "0A" if table.startswith("tcp") else "07"
        for line in Path(f"/proc/{process}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            address = fields[1].split(":")[0]
            # 127.0.0.1, ::1 and ::ffff:127.0.0.1 as the kernel writes them.
            loopback = address in ("0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F")
            if fields[9] in sockets and fields[3] == listening and not loopback:
                found.append(f"{table} {fields[1]}")
    return found


class World:
    def __init__(self, program, folder):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = open(Path(folder) / "emulator.log", "wb")
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "SSL_CERT_FILE") if name in os.environ}
        environment = kept | {
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "S3_DATA_DIR": f"{folder}/s3",
            "STATE_DIR": f"{folder}/state",
            # Nobody beyond this machine, no listener but the one, and roles decide what a function may.
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "MINISTACK_HOST": "localhost",
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "AUTH": "true",
            "LAMBDA_EXECUTOR": "local",
            "AWS_ENDPOINT_URL": self.url,
            "MINISTACK_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "root",
            "AWS_SECRET_ACCESS_KEY": "test",
        }
        self.process = subprocess.Popen([program], env=environment, stdout=self.log, stderr=self.log, cwd=folder)
        self.stack, self.outputs, self.resources = STACK, {}, {}

    def client(self, service):
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="root",
            aws_secret_access_key="test",
            aws_session_token=None,
            config=Config(read_timeout=120, retries={"max_attempts": 1}),
        )

    def start(self):
        def answers():
            if self.process.poll() is not None:
                fail("the emulator ended at once")
            try:
                return urllib.request.urlopen(f"{self.url}/_ministack/health", timeout=2).status == 200
            except (urllib.error.URLError, ConnectionError):
                return False

        until(60, "the emulator's first answer", answers)

    def end(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def deploy(self, archives):
        """Deploys template.yaml as it is; `archives` are the functions' by logical id. Answers how long it took."""
        began = time.monotonic()
        s3 = self.client("s3")
        s3.create_bucket(Bucket="code")
        for name, archive in archives.items():
            s3.put_object(Bucket="code", Key=f"{name}.zip", Body=archive)
        template = transformed(source(), code=lambda name: f"s3://code/{name}.zip")
        understood(template)
        s3.put_object(Bucket="code", Key="template.json", Body=json.dumps(template).encode())
        cloudformation = self.client("cloudformation")
        cloudformation.create_stack(
            StackName=STACK,
            TemplateURL=f"{self.url}/code/template.json",
            Capabilities=["CAPABILITY_IAM"],
        )

        def settled():
            stack = cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]
            return stack if not stack["StackStatus"].endswith("IN_PROGRESS") else None

        stack = until(180, "the deployment", settled)
        if stack["StackStatus"] != "CREATE_COMPLETE":
            for event in cloudformation.describe_stack_events(StackName=STACK)["StackEvents"]:
                if event["ResourceStatus"].endswith("FAILED"):
                    print(f"        {event['LogicalResourceId']}: {event.get('ResourceStatusReason')}")
            fail(f"the deployment ended with {stack['StackStatus']}")
        self.outputs = {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])}
        pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=STACK)
        self.resources = {
            r["LogicalResourceId"]: r["PhysicalResourceId"] for page in pages for r in page["StackResourceSummaries"]
        }
        self.front(template)
        return time.monotonic() - began

    def front(self, template):
        """The emulator takes an HTTP API and not its document, so the document's paths are made one by one."""
        api, gateway = self.resources["Api"], self.client("apigatewayv2")
        for (method, path), function in fronted(ResourcesOf(template)).items():
            integration = gateway.create_integration(
                ApiId=api,
                IntegrationType="AWS_PROXY",
                PayloadFormatVersion="2.0",
                IntegrationMethod="POST",
                IntegrationUri=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self.resources[function]}",
            )
            verb = "ANY" if "any-method" in method else method.upper()
            key = "$default" if "$default" in path else f"{verb} {path}"
            gateway.create_route(ApiId=api, RouteKey=key, Target=f"integrations/{integration['IntegrationId']}")

    def http(self, method, path, body=None, headers=None):
        """Asks the shop over HTTP, through the front: status and JSON, or text when it is none."""
        headers = {"Host": f"{self.resources['Api']}.execute-api.localhost:{self.port}", **(headers or {})}
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                status, text = answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            status, text = refused.code, refused.read().decode()
        try:
            return status, json.loads(text)
        except ValueError:
            return status, text

    def logged(self):
        """What the functions wrote, by log group."""
        logs = self.client("logs")
        for group in logs.describe_log_groups()["logGroups"]:
            for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"]):
                yield from ((group["logGroupName"], event["message"]) for event in page["events"])

    def invoke(self, name, event):
        """Calls a function by its logical id: its answer."""
        answer = self.client("lambda").invoke(FunctionName=self.resources[name], Payload=json.dumps(event).encode())
        text = answer["Payload"].read().decode()
        if "FunctionError" in answer:
            fail(f"{name} failed: {text}")
        return json.loads(text)


def understood(template):
    """Writes out what AWS understands and the emulator does not."""
    for name, resource in list(template["Resources"].items()):
        properties = resource.get("Properties", {})
        # It knows alarms over one metric alone, and evaluates none.
        if resource["Type"] == "AWS::CloudWatch::Alarm" and "Metrics" in properties:
            del template["Resources"][name]
        # A parameter becomes the number that is wanted; here it would stay text.
        limit = properties.get("ScalingConfig", {}).get("MaximumConcurrency")
        if isinstance(limit, dict):
            properties["ScalingConfig"]["MaximumConcurrency"] = int(template["Parameters"][limit["Ref"]]["Default"])
        # The emulator does not see of which parameters a reading of several is, and looks for the right to all of them.
        for policy in properties.get("Policies", []) if resource["Type"] == "AWS::IAM::Role" else []:
            statements = policy["PolicyDocument"]["Statement"]
            if any("ssm:GetParameters" in statement["Action"] for statement in statements):
                statements.append({"Effect": "Allow", "Action": "ssm:GetParameters", "Resource": "*"})


class ResourcesOf:
    """As much of a stack as the reading of its front needs."""

    def __init__(self, template):
        self.template = template

    def of(self, kind):
        return {name: r["Properties"] for name, r in self.template["Resources"].items() if r["Type"] == kind}

    def value(self, node):
        return node["Fn::Sub"] if isinstance(node, dict) else node
