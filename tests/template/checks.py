"""What must be true of the transformed template, each with mistakes planted into a copy that it must complain about."""

from stack import fronted

ALL = []

# Names that Lambda refuses in a function's environment.
# Source: "Defined runtime environment variables",
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
RESERVED = {
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_LEVEL",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
}

FORTNIGHT = 14 * 24 * 60 * 60

# An HTTP API gives up after thirty seconds whatever the function does.
# Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
HTTP_SECONDS = 29


def check(name, *planted):
    """Registers a check: a function from a stack to complaints. Each planted mistake is a function that changes a
    stack, and words that must stand in a new complaint about it."""

    def register(function):
        ALL.append((name, function, planted))
        return function

    return register


def first(stack, kind, wanted=lambda name, properties: True):
    """The properties of the first resource of a type, by name, that is wanted."""
    return next(properties for name, properties in sorted(stack.of(kind).items()) if wanted(name, properties))


def function(stack, binary):
    """The properties of the function that runs a program."""
    return first(stack, "AWS::Lambda::Function", lambda name, _: program(stack, name) == binary)


def program(stack, name):
    return stack.resources[name].get("Metadata", {}).get("BuildProperties", {}).get("Binary")


def put(find, *path_and_value):
    """A mistake: sets a value below what `find` finds. `None` takes the key away."""
    *path, key, value = path_and_value

    def plant(stack):
        place = find(stack)
        for step in path:
            place = place[step]
        if value is None:
            place.pop(key)
        else:
            place[key] = value

    return plant


def deliver(stack):
    return function(stack, "deliver")


def storefront(stack):
    return function(stack, "storefront")


def add_binary(stack):
    stack.binaries.append("planted")


@check(
    "every Lambda program has its function, and every function its program",
    (add_binary, "no function runs planted"),
    (
        put(lambda s: s.resources["DeliverFunction"], "Metadata", "BuildProperties", "Binary", "planted"),
        "there is no program planted",
    ),
)
def programs(stack):
    runs = [program(stack, name) for name in stack.functions()]
    yield from (f"no function runs {name}" for name in stack.binaries if name not in runs)
    yield from (f"there is no program {name}" for name in runs if name not in stack.binaries)
    yield from (f"two functions run {name}" for name in set(runs) if runs.count(name) > 1)


@check(
    "runtime, handler, architecture, tracing, memory and time-out of every function",
    (put(deliver, "Runtime", "provided.al2"), "runs on provided.al2"),
    (put(deliver, "Handler", "main"), "handler main"),
    (put(deliver, "Architectures", ["x86_64"]), "is not built for the parameter Architecture"),
    (put(deliver, "Architectures", None), "is not built for the parameter Architecture"),
    (put(deliver, "TracingConfig", "Mode", "PassThrough"), "is not traced"),
    (put(deliver, "TracingConfig", None), "is not traced"),
    (put(deliver, "MemorySize", 128), "128 MB"),
    (put(deliver, "Timeout", None), "has no time-out"),
    (put(storefront, "Timeout", 30), "longer than the front waits"),
    (
        lambda s: s.template["Parameters"]["Architecture"].update(AllowedValues=["x86_64"]),
        "Architecture does not offer",
    ),
)
def functions(stack):
    served = set(fronted(stack).values())
    for name, properties in stack.functions().items():
        if properties.get("Runtime") != "provided.al2023":
            yield f"{name} runs on {properties.get('Runtime')}"
        if properties.get("Handler") != "bootstrap":
            yield f"{name} has the handler {properties.get('Handler')}"
        if properties.get("Architectures") != [{"Ref": "Architecture"}]:
            yield f"{name} is not built for the parameter Architecture"
        if properties.get("TracingConfig") != {"Mode": {"Fn::If": ["Traces", "Active", "PassThrough"]}}:
            yield f"{name} is not traced when the seller wants it"
        if (memory := properties.get("MemorySize", 128)) < 256:
            yield f"{name} has {memory} MB, and with them too little processor for TLS"
        if "Timeout" not in properties:
            yield f"{name} has no time-out"
        elif name in served and properties["Timeout"] > HTTP_SECONDS:
            yield f"{name} may take longer than the front waits"
    offered = stack.template["Parameters"]["Architecture"].get("AllowedValues")
    if offered != ["x86_64", "arm64"]:
        yield f"Architecture does not offer x86_64 and arm64 but {offered}"


def drop_path(stack):
    first(stack, "AWS::ApiGatewayV2::Api")["Body"]["paths"].pop("/webhooks/{channel}")


def cross_path(stack):
    paths = first(stack, "AWS::ApiGatewayV2::Api")["Body"]["paths"]
    paths["/o/{id}/keys"] = paths["/o/{id}"]


def strange_path(stack):
    paths = first(stack, "AWS::ApiGatewayV2::Api")["Body"]["paths"]
    paths["/planted"] = paths["/o/{id}"]


@check(
    "the front sends every address to the function whose it is",
    (drop_path, "POST /webhooks/{channel} goes to storefront instead of payment_webhook"),
    (cross_path, "/o/{id}/keys goes to order instead of reveal"),
    (strange_path, "/planted is no address of the shop"),
)
def addresses(stack):
    by_path = fronted(stack)
    for method, path, wanted in stack.routes:
        fallen = by_path.get(("x-amazon-apigateway-any-method", "/$default")) or by_path.get(
            ("x-amazon-apigateway-any-method", "$default")
        )
        name = by_path.get((method.lower(), path)) or by_path.get(("x-amazon-apigateway-any-method", path)) or fallen
        found = program(stack, name) if name else None
        if found != wanted:
            yield f"{method} {path} goes to {found} instead of {wanted}"
    known = {path for _, path, _ in stack.routes}
    yield from (
        f"{path} is no address of the shop" for _, path in by_path if path not in known and "$default" not in path
    )


def stage(stack):
    return first(stack, "AWS::ApiGatewayV2::Stage")


@check(
    "the front lets through so much and no more",
    (put(stage, "DefaultRouteSettings", "ThrottlingRateLimit", None), "no ThrottlingRateLimit"),
    (put(stage, "DefaultRouteSettings", None), "no ThrottlingRateLimit"),
    (put(stage, "DefaultRouteSettings", "ThrottlingBurstLimit", 0), "no ThrottlingBurstLimit"),
    (put(stage, "RouteSettings", "ANY /planted", {}), "ANY /planted is no route"),
    (put(stage, "AccessLogSettings", None), "writes no access log"),
    (put(stage, "AccessLogSettings", "Format", "$context.path"), "$context.path"),
)
def throttling(stack):
    keys = {
        f"{method.replace('x-amazon-apigateway-any-method', 'ANY').upper()} {path}" for method, path in fronted(stack)
    }
    for name, properties in stack.of("AWS::ApiGatewayV2::Stage").items():
        limits = stack.value(properties.get("DefaultRouteSettings", {}))
        for limit in ("ThrottlingRateLimit", "ThrottlingBurstLimit"):
            if not limits.get(limit):
                yield f"{name} has no {limit}"
        # A setting for a route that is not there is refused when it is deployed.
        yield from (f"{name}: {key} is no route" for key in properties.get("RouteSettings", {}) if key not in keys)
        format_ = properties.get("AccessLogSettings", {}).get("Format")
        if not format_:
            yield f"{name} writes no access log"
        for told in ("$context.path", "$context.requestOverride", "queryString", "header"):
            if told in (format_ or ""):
                yield f"{name} logs {told}, which may carry a token"


def mapping(stack):
    return first(stack, "AWS::Lambda::EventSourceMapping")


def queue(stack):
    return stack.resources["DeliverQueue"]["Properties"]


def dead(stack):
    return stack.resources["DeliverDeadLetters"]["Properties"]


def silence(stack):
    for name, resource in list(stack.resources.items()):
        if resource["Type"] == "AWS::Lambda::EventSourceMapping":
            del stack.resources[name]


@check(
    "what is read from a queue, and how",
    (put(mapping, "BatchSize", None), "has no BatchSize"),
    (put(mapping, "BatchSize", "ten"), "BatchSize ten"),
    (put(mapping, "BatchSize", 11), "BatchSize 11"),
    (put(mapping, "FunctionResponseTypes", None), "does not report single failures"),
    (put(mapping, "FunctionResponseTypes", ["ReportFailures"]), "does not report single failures"),
    (put(mapping, "ScalingConfig", None), "has no MaximumConcurrency"),
    (put(mapping, "ScalingConfig", "MaximumConcurrency", 1), "MaximumConcurrency 1"),
    (put(mapping, "Enabled", False), "is switched off"),
    (put(queue, "VisibilityTimeout", 59), "VisibilityTimeout of 59 s is less than six times"),
    (put(queue, "VisibilityTimeout", None), "VisibilityTimeout of 30 s is less than six times"),
    (put(deliver, "Timeout", 11), "is less than six times"),
    (silence, "nobody reads DeliverQueue"),
)
def mappings(stack):
    read = set()
    for name, properties in stack.of("AWS::Lambda::EventSourceMapping").items():
        source, reader = stack.target(properties["EventSourceArn"]), stack.target(properties["FunctionName"])
        read.add(source)
        size = stack.value(properties.get("BatchSize"))
        if size is None:
            yield f"{name} has no BatchSize"
        # More than ten wait for a batching window, and a buyer would with them.
        elif not isinstance(size, int) or not 1 <= size <= 10:
            yield f"{name} has the BatchSize {size}"
        if properties.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
            yield f"{name} does not report single failures"
        most = stack.value(properties.get("ScalingConfig", {})).get("MaximumConcurrency")
        if most is None:
            yield f"{name} has no MaximumConcurrency"
        elif not 2 <= most <= 1000:
            yield f"{name} has the MaximumConcurrency {most}"
        kept = stack.value(stack.functions()[reader].get("ReservedConcurrentExecutions", 1000))
        if isinstance(kept, int) and isinstance(most, int) and most > kept:
            yield f"{name} takes {most} at once, of which {reader} runs {kept}"
        if properties.get("Enabled") is False:
            yield f"{name} is switched off"
        # Source: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
        wait = stack.value(stack.resources[source]["Properties"].get("VisibilityTimeout", 30))
        if wait < 6 * stack.functions()[reader]["Timeout"]:
            yield f"{source}: the VisibilityTimeout of {wait} s is less than six times the time-out of {reader}"
    sources = set(stack.of("AWS::SQS::Queue")) - dead_letters(stack)
    yield from (f"nobody reads {name}" for name in sorted(sources - read))


def dead_letters(stack):
    """The queues where messages end that nobody could handle."""
    policies = [properties.get("RedrivePolicy", {}) for properties in stack.of("AWS::SQS::Queue").values()]
    return {stack.target(policy["deadLetterTargetArn"]) for policy in policies if "deadLetterTargetArn" in policy}


@check(
    "every queue sets aside what fails, for a fortnight",
    (put(queue, "RedrivePolicy", None), "DeliverQueue sets nothing aside"),
    (put(queue, "RedrivePolicy", "maxReceiveCount", 1), "gives up after 1"),
    (put(dead, "MessageRetentionPeriod", 1209599), "keeps what failed for less than a fortnight"),
    (put(dead, "MessageRetentionPeriod", None), "keeps what failed for less than a fortnight"),
    (put(queue, "SqsManagedSseEnabled", None), "is not encrypted"),
)
def queues(stack):
    ends = dead_letters(stack)
    for name, properties in stack.of("AWS::SQS::Queue").items():
        policy = properties.get("RedrivePolicy", {})
        if name in ends:
            # A message keeps the age it had in its first queue.
            if stack.value(properties.get("MessageRetentionPeriod", 345600)) < FORTNIGHT:
                yield f"{name} keeps what failed for less than a fortnight"
        elif not policy:
            yield f"{name} sets nothing aside"
        elif policy.get("maxReceiveCount", 0) < 3:
            yield f"{name} gives up after {policy.get('maxReceiveCount')}"
        if properties.get("SqsManagedSseEnabled") is not True and "KmsMasterKeyId" not in properties:
            yield f"{name} is not encrypted"


def orders(stack):
    return stack.resources["OrdersTable"]["Properties"]


def orders_resource(stack):
    return stack.resources["OrdersTable"]


def drop_table(stack):
    del stack.resources["LimitsTable"]


def add_shape(stack):
    stack.shapes["orders"]["indexes"]["planted"] = [["o", "B"]]


@check(
    "the tables are those of the code, on demand, protected and kept",
    (put(orders, "BillingMode", "PROVISIONED"), "is not on demand"),
    (put(orders, "BillingMode", None), "is not on demand"),
    (put(orders, "PointInTimeRecoverySpecification", None), "cannot be brought back"),
    (put(orders, "PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled", False), "cannot be brought back"),
    (put(orders, "DeletionProtectionEnabled", False), "may be deleted"),
    (put(orders_resource, "DeletionPolicy", "Delete"), "goes with the stack"),
    (put(orders_resource, "UpdateReplacePolicy", None), "goes when it is replaced"),
    (put(orders, "KeySchema", [{"AttributeName": "k", "KeyType": "HASH"}]), "is keyed by"),
    (lambda s: orders(s)["AttributeDefinitions"][0].update(AttributeType="S"), "is keyed by"),
    (lambda s: orders(s)["GlobalSecondaryIndexes"].pop(), "has the indexes"),
    (lambda s: orders(s)["GlobalSecondaryIndexes"][0].update(IndexName="planted"), "has the indexes"),
    (lambda s: orders(s)["GlobalSecondaryIndexes"][0]["KeySchema"].pop(), "has the indexes"),
    (
        lambda s: orders(s)["GlobalSecondaryIndexes"][0].update(Projection={"ProjectionType": "ALL"}),
        "projects more than keys",
    ),
    (put(orders, "TimeToLiveSpecification", None), "has the time to live None"),
    (put(orders, "TimeToLiveSpecification", "Enabled", False), "has the time to live None"),
    (put(orders, "TimeToLiveSpecification", "AttributeName", "planted"), "has the time to live planted"),
    (put(orders, "TableName", {"Fn::Sub": "${AWS::StackName}-planted"}), "there is no table for orders"),
    (drop_table, "there is no table for limits"),
    (add_shape, "has the indexes"),
)
def tables(stack):
    left = dict(stack.shapes)
    for name, properties in stack.of("AWS::DynamoDB::Table").items():
        resource, told = stack.resources[name], stack.value(properties)
        if told.get("BillingMode") != "PAY_PER_REQUEST":
            yield f"{name} is not on demand"
        if told.get("PointInTimeRecoverySpecification", {}).get("PointInTimeRecoveryEnabled") is not True:
            yield f"{name} cannot be brought back to a moment"
        if told.get("DeletionProtectionEnabled") is not True:
            yield f"{name} may be deleted"
        if resource.get("DeletionPolicy") != "RetainExceptOnCreate":
            yield f"{name} goes with the stack, or stays when the first deployment fails"
        if resource.get("UpdateReplacePolicy") != "Retain":
            yield f"{name} goes when it is replaced"
        purpose = told.get("TableName", "").replace("${AWS::StackName}-", "")
        shape = left.pop(purpose, None)
        if shape is None:
            yield f"{name} is no table of the code ({purpose})"
            continue
        kinds = {one["AttributeName"]: one["AttributeType"] for one in told["AttributeDefinitions"]}

        def key(schema):
            return [[one["AttributeName"], kinds.get(one["AttributeName"])] for one in schema]

        if key(told["KeySchema"]) != shape["key"]:
            yield f"{name} is keyed by {key(told['KeySchema'])} instead of {shape['key']}"
        indexes = {one["IndexName"]: key(one["KeySchema"]) for one in told.get("GlobalSecondaryIndexes", [])}
        if indexes != shape["indexes"]:
            yield f"{name} has the indexes {indexes} instead of {shape['indexes']}"
        for index in told.get("GlobalSecondaryIndexes", []):
            if index["Projection"] != {"ProjectionType": "KEYS_ONLY"}:
                yield f"{name}: {index['IndexName']} projects more than keys, and costs for it"
        ttl = told.get("TimeToLiveSpecification", {})
        found = ttl.get("AttributeName") if ttl.get("Enabled") else None
        if found != shape["ttl"]:
            yield f"{name} has the time to live {found} instead of {shape['ttl']}"
    yield from (f"there is no table for {purpose}" for purpose in left)


@check(
    "the tables stand alone as a template that takes them up",
    (lambda s: s.tables_alone["Resources"].pop("VaultTable"), "VaultTable is not taken up"),
    (lambda s: s.tables_alone["Resources"].update(DeliverQueue={}), "DeliverQueue is no table"),
    (lambda s: s.tables_alone["Resources"]["ShopTable"].update(Type="planted"), "ShopTable is another"),
    (lambda s: s.tables_alone["Conditions"].pop("WarmsTables"), "Conditions are others"),
    (lambda s: s.tables_alone.update(Transform="AWS::Serverless-2016-10-31"), "Transform has no place"),
)
def alone(stack):
    taken, written = stack.tables_alone["Resources"], stack.source["Resources"]
    tables = {name: one for name, one in written.items() if one["Type"] == "AWS::DynamoDB::Table"}
    yield from (f"{name} is not taken up" for name in tables if name not in taken)
    yield from (f"{name} is no table" for name in taken if name not in tables)
    yield from (f"{name} is another" for name, one in tables.items() if name in taken and taken[name] != one)
    for part in ("Parameters", "Conditions"):
        if stack.tables_alone.get(part) != stack.source[part]:
            yield f"{part} are others"
    known = {"AWSTemplateFormatVersion", "Parameters", "Conditions", "Resources"}
    yield from (f"{part} has no place there" for part in stack.tables_alone if part not in known)


def logs(stack):
    return stack.resources["DeliverLogs"]["Properties"]


@check(
    "every function writes into a log of its own that ends",
    (put(deliver, "LoggingConfig", None), "has no log of its own"),
    (put(deliver, "LoggingConfig", "LogGroup", {"Ref": "OrderLogs"}), "writes into the log of"),
    (put(logs, "RetentionInDays", None), "is kept for ever"),
    (put(logs, "LogGroupName", {"Fn::Sub": "/aws/lambda/planted"}), "is not called after the stack"),
)
def log_groups(stack):
    groups, taken = stack.of("AWS::Logs::LogGroup"), {}
    for name, properties in stack.functions().items():
        group = stack.target(properties.get("LoggingConfig", {}).get("LogGroup"))
        if group not in groups:
            yield f"{name} has no log of its own"
        elif group in taken:
            yield f"{name} writes into the log of {taken[group]}"
        elif "${AWS::StackName}" not in str(stack.value(groups[group].get("LogGroupName"))):
            yield f"{group} is not called after the stack"
        taken[group] = name
    for name, properties in groups.items():
        if not stack.value(properties.get("RetentionInDays")):
            yield f"{name} is kept for ever"
