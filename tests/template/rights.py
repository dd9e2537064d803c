"""What must be true of rights, settings, alarms and names, each with planted mistakes. See checks.py."""

import json
import re

from checks import RESERVED, check, deliver, first, function, program, put

# Actions that AWS grants for everything or not at all.
# Source: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html
FOR_EVERYTHING = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}

# What belongs to Amazon's mail service in this account and region.
SES = "arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}:"

# Only these programs send mail.
SENDS_MAIL = {"desk", "reconcile", "notify"}

# Only these programs see a card in clear.
OPENS_CARDS = {"reveal", "deliver", "cards"}


def many(value):
    return value if isinstance(value, list) else [value]


def statements(stack, name):
    """The statements of a role's policies, its own and those that stand apart."""
    for policy in stack.resources[name]["Properties"].get("Policies", []):
        yield from many(policy["PolicyDocument"]["Statement"])
    for policy in stack.of("AWS::IAM::Policy").values():
        if name in [stack.target(one) for one in policy.get("Roles", [])]:
            yield from many(policy["PolicyDocument"]["Statement"])


def role(stack, binary):
    return stack.resources[stack.target(function(stack, binary)["Role"])]["Properties"]


def deliver_role(stack):
    return role(stack, "deliver")


def grant(action, resource):
    """A mistake: one more right for the function `deliver`."""

    def plant(stack):
        document = deliver_role(stack)["Policies"][0]["PolicyDocument"]
        document["Statement"].append({"Effect": "Allow", "Action": action, "Resource": resource})

    return plant


def add_role(stack):
    stack.resources["PlantedRole"] = {"Type": "AWS::IAM::Role", "Properties": {}}


def add_policy(stack):
    stack.resources["Planted"] = {"Type": "AWS::IAM::ManagedPolicy", "Properties": {}}


@check(
    "every function has a role of its own, and the transform adds none",
    (put(deliver, "Role", {"Fn::GetAtt": ["OrderRole", "Arn"]}), "has the role of"),
    (put(deliver, "Role", "arn:aws:iam::123456789012:role/planted"), "has no role of this template"),
    (put(deliver_role, "ManagedPolicyArns", ["arn:aws:iam::aws:policy/AdministratorAccess"]), "has managed policies"),
    (add_role, "PlantedRole was not written"),
    (add_policy, "Planted was not written"),
    (
        lambda s: deliver_role(s)["AssumeRolePolicyDocument"]["Statement"][0].update(Principal={"AWS": "*"}),
        "may be taken by",
    ),
)
def roles(stack):
    written, taken = stack.source["Resources"], {}
    for name, resource in stack.resources.items():
        if resource["Type"].startswith("AWS::IAM::") and name not in written:
            yield f"{name} was not written in the template"
    for name, properties in stack.functions().items():
        its = stack.target(properties["Role"])
        if its not in stack.of("AWS::IAM::Role") or not isinstance(properties["Role"], dict):
            yield f"{name} has no role of this template"
            continue
        if its in taken:
            yield f"{name} has the role of {taken[its]}"
        taken[its] = name
        told = stack.resources[its]["Properties"]
        if told.get("ManagedPolicyArns"):
            yield f"{its} has managed policies"
        for statement in told["AssumeRolePolicyDocument"]["Statement"]:
            if statement["Principal"] != {"Service": "lambda.amazonaws.com"}:
                yield f"{its} may be taken by {statement['Principal']}"
    unused = set(stack.of("AWS::IAM::Role")) - set(taken)
    # A schedule or a log destination may need a role too; then it says so by its trust.
    for name in sorted(unused):
        trust = json.dumps(stack.resources[name].get("Properties", {}).get("AssumeRolePolicyDocument", {}))
        if "lambda.amazonaws.com" in trust:
            yield f"{name} is nobody's"


@check(
    "no right is wider than what it is for",
    (grant("*", {"Fn::GetAtt": ["OrdersTable", "Arn"]}), "may do *"),
    (grant("dynamodb:*", {"Fn::GetAtt": ["OrdersTable", "Arn"]}), "may do dynamodb:*"),
    (grant(["dynamodb:Put*"], {"Fn::GetAtt": ["OrdersTable", "Arn"]}), "may do dynamodb:Put*"),
    (grant("dynamodb:GetItem", "*"), "may do dynamodb:GetItem to everything"),
    (grant(["xray:PutTraceSegments", "sqs:SendMessage"], "*"), "may do sqs:SendMessage to everything"),
    (
        grant(
            "dynamodb:GetItem", {"Fn::Sub": "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/*"}
        ),
        "to every table/*",
    ),
    (
        lambda s: deliver_role(s)["Policies"][0]["PolicyDocument"]["Statement"].append(
            {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}
        ),
        "says what is not meant",
    ),
)
def widths(stack):
    for name in stack.of("AWS::IAM::Role"):
        for statement in statements(stack, name):
            if "NotAction" in statement or "NotResource" in statement or statement["Effect"] != "Allow":
                yield f"{name} says what is not meant instead of what is"
                continue
            actions = many(statement["Action"])
            yield from (f"{name} may do {action}" for action in actions if "*" in action)
            for resource in many(statement["Resource"]):
                told = str(stack.value(resource))
                if told == "*":
                    wide = [action for action in actions if action not in FOR_EVERYTHING]
                    yield from (f"{name} may do {action} to everything" for action in wide)
                # An index of one table, or parameters below the shop's own path, are narrower than the star looks. Sending mail is
                # narrowed by its condition, which the check of mail asks for.
                elif (
                    told.endswith("*")
                    and actions != ["ses:SendEmail"]
                    and not re.search(r"/index/\*$|\$\{AWS::StackName\}[^:]*\*$|^[A-Za-z]+\.Arn", told)
                ):
                    yield f"{name} may do {', '.join(actions)} to every {told.rsplit(':', 1)[-1]}"


def mail(stack):
    return stack.resources["MailRights"]


def mail_statement(stack):
    return mail(stack)["Properties"]["PolicyDocument"]["Statement"][0]


@check(
    "mail is sent in the name of one address, and by nobody where there is none",
    (put(mail, "Condition", None), "MailRights stands where no address is given"),
    (put(mail, "Condition", "HasDomain"), "MailRights stands where no address is given"),
    (put(mail_statement, "Condition", None), "MailRights lets mail be sent in anybody's name"),
    (
        put(mail_statement, "Condition", {"StringEquals": {"ses:FromDisplayName": {"Ref": "MailFrom"}}}),
        "MailRights lets mail be sent in anybody's name",
    ),
    (
        # In the sandbox SES asks for the right to the receiver's identity too, and a default configuration set is one more.
        put(mail_statement, "Resource", [{"Fn::Sub": SES + "identity/${MailFrom}"}]),
        "MailRights is not about the account's identities and configuration sets",
    ),
    (
        put(mail_statement, "Resource", [{"Fn::Sub": SES + "identity/*"}]),
        "MailRights is not about the account's identities and configuration sets",
    ),
    (
        put(mail_statement, "Resource", ["*"]),
        "MailRights is not about the account's identities and configuration sets",
    ),
    (put(mail_statement, "Action", ["ses:*"]), "MailRights allows ses:*"),
    (lambda s: mail(s)["Properties"]["Roles"].append({"Ref": "OrderRole"}), "order may send mail"),
    (lambda s: mail(s)["Properties"]["Roles"].pop(), "notify may not send mail"),
    (
        grant("ses:SendEmail", {"Fn::Sub": SES + "identity/${MailFrom}"}),
        "DeliverRole sends mail by a right of its own",
    ),
)
def mails(stack):
    for name, role in stack.of("AWS::IAM::Role").items():
        own = json.dumps([policy["PolicyDocument"] for policy in role.get("Policies", [])])
        if "ses:" in own:
            yield f"{name} sends mail by a right of its own, whether there is an address or not"
    for name, policy in stack.of("AWS::IAM::Policy").items():
        for statement in many(policy["PolicyDocument"]["Statement"]):
            if not any(action.startswith("ses:") for action in many(statement["Action"])):
                continue
            if stack.resources[name].get("Condition") != "SendsMail":
                yield f"{name} stands where no address is given"
            if statement.get("Condition") != {"StringEquals": {"ses:FromAddress": {"Ref": "MailFrom"}}}:
                yield f"{name} lets mail be sent in anybody's name"
            yield from (f"{name} allows {a}" for a in many(statement["Action"]) if a != "ses:SendEmail")
            if many(statement["Resource"]) != [{"Fn::Sub": SES + "identity/*"}, {"Fn::Sub": SES + "configuration-set/*"}]:
                yield f"{name} is not about the account's identities and configuration sets"
    for name, properties in stack.functions().items():
        runs, its = program(stack, name), stack.target(properties["Role"])
        may = any("ses:SendEmail" in many(s["Action"]) for s in statements(stack, its))
        if may != (runs in SENDS_MAIL):
            yield f"{runs} may {'not ' if runs in SENDS_MAIL else ''}send mail"


def may_use_key(stack, name):
    """Whether a function's role may use the key of the cards."""
    its = stack.target(stack.functions()[name]["Role"])
    acts = ("kms:Decrypt", "kms:GenerateDataKey", "kms:Encrypt")
    allowed = [s for s in statements(stack, its) if any(a in acts for a in many(s["Action"]))]
    return any("CardKey" in json.dumps(s["Resource"]) for s in allowed)


def give_key(stack):
    document = role(stack, "order")["Policies"][0]["PolicyDocument"]
    document["Statement"].append(
        {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": {"Fn::GetAtt": ["CardKey", "Arn"]}}
    )


def give_vault(stack):
    document = role(stack, "storefront")["Policies"][0]["PolicyDocument"]
    arn = {"Fn::GetAtt": ["VaultTable", "Arn"]}
    document["Statement"].append({"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": [arn]})


def take_key(stack):
    document = deliver_role(stack)["Policies"][0]["PolicyDocument"]
    document["Statement"] = [s for s in document["Statement"] if "CardKey" not in json.dumps(s["Resource"])]


@check(
    "only who shows or takes in cards may open one",
    (give_key, "order may use the key of the cards"),
    (take_key, "deliver may not use the key of the cards"),
    (give_vault, "storefront may read the vault"),
    (put(lambda s: s.resources["CardKey"], "DeletionPolicy", "Delete"), "CardKey goes with the stack"),
    (put(lambda s: s.resources["CardKey"]["Properties"], "EnableKeyRotation", False), "CardKey is never renewed"),
)
def cards(stack):
    for name in stack.functions():
        runs = program(stack, name)
        if may_use_key(stack, name) != (runs in OPENS_CARDS):
            yield f"{runs} may {'not ' if runs in OPENS_CARDS else ''}use the key of the cards"
        for statement in statements(stack, stack.target(stack.functions()[name]["Role"])):
            reads = [a for a in many(statement["Action"]) if re.match(r"dynamodb:(Get|BatchGet|Query|Scan)", a)]
            if (
                reads
                and "VaultTable" in json.dumps(statement["Resource"])
                and runs in {"storefront", "order", "create_order", "payment_webhook"}
            ):
                yield f"{runs} may read the vault"
    for name, properties in stack.of("AWS::KMS::Key").items():
        if (
            stack.resources[name].get("DeletionPolicy") != "RetainExceptOnCreate"
            or stack.resources[name].get("UpdateReplacePolicy") != "Retain"
        ):
            yield f"{name} goes with the stack, and every card with it"
        if properties.get("EnableKeyRotation") is not True:
            yield f"{name} is never renewed"


# A key that was there before the stack.
NAMED_KEY = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"


def own_key(stack):
    return {"Fn::GetAtt": ["CardKey", "Arn"]}


def key_resource(stack):
    """The statement by which `deliver` may use the key."""
    return next(s for s in deliver_role(stack)["Policies"][0]["PolicyDocument"]["Statement"] if "CardKey" in json.dumps(s))


def card_key(stack):
    return stack.resources["CardKey"]


@check(
    "the key of the cards is the stack's own, or the one that is named and no other",
    (
        lambda s: variables(s).update(KAMIVEND_CARD_KEY=own_key(s)),
        "with a key named, deliver is told CardKey.Arn",
    ),
    (lambda s: variables(s).update(KAMIVEND_CARD_KEY={"Ref": "CardKeyArn"}), "with no key named, deliver is told "),
    (lambda s: key_resource(s).update(Resource=own_key(s)), "with a key named, deliver may use CardKey.Arn"),
    (lambda s: key_resource(s).update(Resource={"Ref": "CardKeyArn"}), "with no key named, deliver may use "),
    (put(card_key, "Condition", None), "with a key named, CardKey is made"),
    (put(lambda s: s.resources["CardKeyAlias"], "Condition", None), "with a key named, CardKeyAlias is made"),
    (lambda s: s.template["Conditions"].update(MakesCardKey={"Fn::Equals": ["a", "b"]}), "CardKey is not made"),
    (
        lambda s: s.template["Outputs"].update(Planted={"Value": own_key(s)}),
        "with a key named, something speaks of CardKey",
    ),
    (lambda s: s.template["Parameters"]["CardKeyArn"].update(Default="arn"), "a key is named that nobody named"),
    (lambda s: s.template["Parameters"]["CardKeyArn"].update(AllowedPattern=".*"), "an alias is taken for a key"),
)
def named_key(stack):
    parameter = stack.template["Parameters"]["CardKeyArn"]
    if parameter.get("Default") != "":
        yield "a key is named that nobody named"
    fits = re.compile(parameter.get("AllowedPattern", ""))
    if not fits.search("") or not fits.search(NAMED_KEY) or not fits.search(NAMED_KEY.replace("arn:aws:", "arn:aws-cn:")):
        yield "a key is refused"
    if fits.search("alias/my-shop-cards") or fits.search(NAMED_KEY.replace("key/", "alias/")):
        yield "an alias is taken for a key"
    for words, given, wanted in (("no key", "", "CardKey.Arn"), ("a key", NAMED_KEY, NAMED_KEY)):
        chosen = stack.copy()
        chosen.template["Parameters"]["CardKeyArn"]["Default"] = given
        for name in chosen.functions():
            runs = program(chosen, name)
            told = chosen.value(variables(chosen, runs)).get("KAMIVEND_CARD_KEY")
            if runs in OPENS_CARDS and told != wanted:
                yield f"with {words} named, {runs} is told {told}"
            for statement in statements(chosen, chosen.target(chosen.functions()[name]["Role"])):
                used = [chosen.value(one) for one in many(statement["Resource"])]
                if any(action.startswith("kms:") for action in many(statement["Action"])) and used != [wanted]:
                    yield f"with {words} named, {runs} may use {', '.join(map(str, used))}"
        made = {}
        for name, resource in chosen.resources.items():
            if "Condition" not in resource or chosen.holds({"Condition": resource["Condition"]}):
                made[name] = resource
        for name in (*chosen.of("AWS::KMS::Key"), *chosen.of("AWS::KMS::Alias")):
            if (name in made) != (given == ""):
                yield f"with {words} named, {name} is {'not ' if given == '' else ''}made"
        spoken = json.dumps(chosen.value([made, chosen.template["Outputs"]]))
        if given and re.search(r'"CardKey(\.[A-Za-z]+)?"', spoken):
            yield f"with {words} named, something speaks of CardKey"


def permission(stack):
    return first(stack, "AWS::Lambda::Permission")


@check(
    "nobody from outside may call a function",
    (put(permission, "SourceArn", None), "names no source"),
    (put(permission, "Principal", "*"), "lets * call"),
    (put(permission, "FunctionUrlAuthType", "NONE"), "has an open address"),
    (
        lambda s: s.resources.update(Planted={"Type": "AWS::Lambda::Url", "Properties": {"AuthType": "NONE"}}),
        "Planted has an open address",
    ),
)
def callers(stack):
    for name, properties in stack.of("AWS::Lambda::Permission").items():
        if "SourceArn" not in properties and "SourceAccount" not in properties:
            yield f"{name} names no source"
        if not re.match(r"[a-z]+\.amazonaws\.com$", str(properties["Principal"])):
            yield f"{name} lets {properties['Principal']} call"
        if "FunctionUrlAuthType" in properties:
            yield f"{name} has an open address"
    yield from (
        f"{name} has an open address"
        for name, url in stack.of("AWS::Lambda::Url").items()
        if url["AuthType"] != "AWS_IAM"
    )


def variables(stack, binary="deliver"):
    return function(stack, binary)["Environment"]["Variables"]


def everywhere(name):
    """A mistake: takes a variable from every function."""

    def plant(stack):
        for properties in stack.functions().values():
            properties["Environment"]["Variables"].pop(name, None)

    return plant


def read_more(kind):
    return lambda stack: stack.settings[kind].append("KAMIVEND_PLANTED")


@check(
    "what the code reads of its environment is set, and what is set is read",
    (put(variables, "KAMIVEND_PLANTED", "1"), "KAMIVEND_PLANTED is set for deliver and read by nobody"),
    (put(variables, "AWS_REGION", "1"), "AWS_REGION is set for deliver and Lambda's own"),
    (put(variables, "KAMIVEND_SHOP_ID", None), "deliver has no KAMIVEND_SHOP_ID"),
    (put(variables, "KAMIVEND_CARD_KEY", None), "deliver has no KAMIVEND_CARD_KEY"),
    (lambda s: variables(s, "order").update(KAMIVEND_CARD_KEY="1"), "order has KAMIVEND_CARD_KEY"),
    (everywhere("KAMIVEND_HOLD_SECONDS"), "KAMIVEND_HOLD_SECONDS is read and set for nobody"),
    (read_more("read"), "KAMIVEND_PLANTED is read and set for nobody"),
    (read_more("required"), "has no KAMIVEND_PLANTED"),
)
def environment(stack):
    read, required = set(stack.settings["read"]), set(stack.settings["required"])
    somewhere = set()
    for name, properties in stack.functions().items():
        runs, told = program(stack, name), set(properties.get("Environment", {}).get("Variables", {}))
        somewhere |= told
        for unread in sorted(told - read):
            why = "Lambda's own" if unread in RESERVED else "read by nobody"
            yield f"{unread} is set for {runs} and {why}"
        yield from (f"{runs} has no {name}" for name in sorted(required - told))
        if ("KAMIVEND_CARD_KEY" in told) != (runs in OPENS_CARDS):
            yield f"{runs} has {'' if runs not in OPENS_CARDS else 'no '}KAMIVEND_CARD_KEY"
    yield from (f"{name} is read and set for nobody" for name in sorted(read - somewhere))


def address(stack):
    return stack.resources["PublicUrl"]["Properties"]


@check(
    "a change of the domain starts every function anew",
    (put(variables, "KAMIVEND_PUBLIC_URL", None), "deliver goes on with the old domain"),
    (put(variables, "KAMIVEND_PUBLIC_URL", {"Fn::Sub": "http://${DomainName}"}), "deliver goes on with the old domain"),
    (put(variables, "KAMIVEND_PUBLIC_URL", {"Fn::Sub": "https://${DomainName}"}), "without a domain, deliver is told https://"),
    (put(address, "Value", {"Fn::Sub": "https://old.${DomainName}"}), "deliver goes on with the old domain"),
)
def domain(stack):
    for given in ("", "shop.example.com"):
        chosen = stack.copy()
        chosen.template["Parameters"]["DomainName"]["Default"] = given
        wanted = chosen.value(address(chosen)["Value"]) if given else None
        for name in chosen.functions():
            told = chosen.value(variables(chosen, program(chosen, name))).get("KAMIVEND_PUBLIC_URL")
            if given and (told != wanted or given not in told):
                yield f"{program(chosen, name)} goes on with the old domain"
            elif not given and told is not None:
                yield f"without a domain, {program(chosen, name)} is told {told}"


def alarm(stack):
    return first(stack, "AWS::CloudWatch::Alarm")


def add_entry(stack):
    stack.runbook["infra/runbook/alarms.md"].append("planted")


def add_alarm(stack):
    stack.resources["Planted"] = {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": dict(alarm(stack), AlarmName="planted"),
    }


@check(
    "every alarm has its entry in the runbook, and every entry its alarm",
    (put(alarm, "AlarmDescription", "Something is wrong."), "names no entry of the runbook"),
    (
        put(alarm, "AlarmDescription", "infra/runbook/alarms.md#planted"),
        "there is no entry infra/runbook/alarms.md#planted",
    ),
    (put(alarm, "AlarmDescription", None), "names no entry of the runbook"),
    (put(alarm, "AlarmActions", []), "tells nobody"),
    (put(alarm, "AlarmActions", None), "tells nobody"),
    (put(alarm, "TreatMissingData", None), "does not say what silence means"),
    (
        put(alarm, "Dimensions", [{"Name": "Shop", "Value": {"Ref": "Architecture"}}]),
        "looks at the shop x86_64",
    ),
    (add_entry, "infra/runbook/alarms.md#planted is no alarm's"),
    (add_alarm, "Planted leads to the entry of"),
)
def alarms(stack):
    shop = stack.value(variables(stack)["KAMIVEND_TABLE_PREFIX"])
    entries = {f"{page}#{anchor}" for page, anchors in stack.runbook.items() for anchor in anchors}
    found = {}
    for name, properties in stack.of("AWS::CloudWatch::Alarm").items():
        told = str(stack.value(properties.get("AlarmDescription", "")))
        entry = re.search(r"infra/runbook/[a-z-]+\.md#[a-z0-9-]+", told)
        if not entry:
            yield f"{name} names no entry of the runbook"
        elif entry.group() not in entries:
            yield f"{name}: there is no entry {entry.group()}"
        elif entry.group() in found:
            yield f"{name} leads to the entry of {found[entry.group()]}"
        if entry:
            found.setdefault(entry.group(), name)
        if not properties.get("AlarmActions") and name not in composed(stack):
            yield f"{name} tells nobody"
        for metric in watched(stack, properties):
            if metric not in (None, shop):
                yield f"{name} looks at the shop {metric} instead of {shop}"
        if "TreatMissingData" not in properties:
            yield f"{name} does not say what silence means"
    # The page's title is no entry, and neither is a heading over several.
    page = "infra/runbook/alarms.md"
    for anchor in stack.runbook.get(page, [])[1:]:
        if f"{page}#{anchor}" not in found:
            yield f"{page}#{anchor} is no alarm's"
    if not found:
        yield "nothing is watched"


def watched(stack, alarm):
    """The shops that the dimensions of an alarm's metrics name."""
    metrics = [one["MetricStat"]["Metric"] for one in alarm.get("Metrics", []) if "MetricStat" in one]
    for metric in [*metrics, alarm]:
        yield from (stack.value(one["Value"]) for one in metric.get("Dimensions", []) if one["Name"] == "Shop")


def composed(stack):
    """Alarms that speak through another one."""
    rules = " ".join(str(stack.value(p.get("AlarmRule"))) for p in stack.of("AWS::CloudWatch::CompositeAlarm").values())
    return {name for name in stack.of("AWS::CloudWatch::Alarm") if name in rules}


def texts(node, path=()):
    """Every text of a template and where it stands."""
    if isinstance(node, str):
        yield path, node
    elif isinstance(node, dict):
        for key, value in node.items():
            yield from texts(value, (*path, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from texts(value, (*path, index))


def output(stack):
    return stack.china.setdefault("Outputs", {})


@check(
    "it deploys in China as it does elsewhere",
    (
        lambda s: output(s).update(Planted={"Value": "arn:aws:sqs:us-east-1:123456789012:planted"}),
        "Outputs.Planted.Value",
    ),
    (
        lambda s: output(s).update(Planted={"Value": {"Fn::Sub": "arn:aws:sqs:${AWS::Region}:1:a"}}),
        "Outputs.Planted.Value",
    ),
    (
        lambda s: output(s).update(Planted={"Value": {"Fn::Sub": "https://sqs.${AWS::Region}.amazonaws.com"}}),
        "Outputs.Planted.Value",
    ),
    (lambda s: output(s).update(Planted={"Value": "https://sqs.cn-north-1.amazonaws.com.cn"}), "Outputs.Planted.Value"),
)
def partition(stack):
    for path, text in texts(stack.china):
        # Services are called by the same names in every partition; so are principals of permissions.
        if path[-1] in ("Service", "Principal") or path[-1] == "Description" or "Principal" in path:
            continue
        if re.search(r"arn:aws[a-z-]*:", text) or "amazonaws.com" in text:
            yield f"{'.'.join(map(str, path))} says {text} in every partition"
