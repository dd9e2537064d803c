"""What must be true of the bucket where the evidence of orders is kept, each with planted mistakes. See checks.py."""

from checks import check, function, program, put
from rights import many, role, statements

# The one program that puts evidence and reads it.
KEEPS = "reconcile"

# What it may do, and to what of the bucket.
MAY = {("s3:GetObject", "/*"), ("s3:PutObject", "/*"), ("s3:ListBucket", "")}

REMOVES = {"s3:BypassGovernanceRetention", "s3:DeleteObject", "s3:DeleteObjectVersion"}


def bucket(stack):
    return stack.resources["EvidenceBucket"]["Properties"]


def policy(stack):
    return stack.resources["EvidencePolicy"]["Properties"]["PolicyDocument"]["Statement"]


def grant(binary, action):
    """A mistake: one more right to the evidence."""

    def plant(stack):
        resource = {"Fn::Sub": "${EvidenceBucket.Arn}/*"}
        role(stack, binary)["Policies"][0]["PolicyDocument"]["Statement"].append(
            {"Effect": "Allow", "Action": action, "Resource": resource}
        )

    return plant


@check(
    "what is put into the bucket of the evidence stands there",
    (put(bucket, "ObjectLockEnabled", None), "EvidenceBucket is not locked"),
    (put(bucket, "ObjectLockConfiguration", None), "EvidenceBucket is not locked"),
    (put(bucket, "ObjectLockConfiguration", "Rule", "DefaultRetention", "Days", 0), "EvidenceBucket is not locked"),
    (put(bucket, "VersioningConfiguration", None), "EvidenceBucket keeps no versions"),
    (put(bucket, "PublicAccessBlockConfiguration", "BlockPublicPolicy", False), "EvidenceBucket may be opened"),
    (put(bucket, "LifecycleConfiguration", {"Rules": []}), "EvidenceBucket forgets"),
    (put(lambda s: s.resources["EvidenceBucket"], "DeletionPolicy", "Delete"), "EvidenceBucket goes with the stack"),
    (lambda s: s.resources.pop("EvidencePolicy"), "anybody may remove from EvidenceBucket"),
    (lambda s: policy(s)[0]["Action"].remove("s3:DeleteObject"), "anybody may remove from EvidenceBucket"),
    (lambda s: policy(s)[0].update(Principal={"AWS": "arn"}), "anybody may remove from EvidenceBucket"),
)
def stands(stack):
    policies = [
        statement
        for one in stack.of("AWS::S3::BucketPolicy").values()
        for statement in many(one["PolicyDocument"]["Statement"])
    ]
    denied = {
        action
        for one in policies
        if one["Effect"] == "Deny" and one["Principal"] == "*" and "Condition" not in one
        for action in many(one["Action"])
    }
    for name, properties in stack.of("AWS::S3::Bucket").items():
        told, resource = stack.value(properties), stack.resources[name]
        kept = told.get("ObjectLockConfiguration", {}).get("Rule", {}).get("DefaultRetention", {})
        if told.get("ObjectLockEnabled") is not True or not kept.get("Mode") or not kept.get("Days"):
            yield f"{name} is not locked"
        if told.get("VersioningConfiguration", {}).get("Status") != "Enabled":
            yield f"{name} keeps no versions"
        blocks = told.get("PublicAccessBlockConfiguration", {})
        if len(blocks) != 4 or not all(value is True for value in blocks.values()):
            yield f"{name} may be opened to the public"
        if "LifecycleConfiguration" in told:
            yield f"{name} forgets"
        if resource.get("DeletionPolicy") != "RetainExceptOnCreate" or resource.get("UpdateReplacePolicy") != "Retain":
            yield f"{name} goes with the stack"
        if not REMOVES <= denied:
            yield f"anybody may remove from {name} who has the right"


def variables(stack):
    return function(stack, KEEPS)["Environment"]["Variables"]


@check(
    "one function reaches the evidence, and that by the name it is told",
    (grant(KEEPS, "s3:DeleteObject"), "reconcile may do s3:DeleteObject"),
    (grant("desk", "s3:GetObject"), "desk may do s3:GetObject"),
    (grant(KEEPS, "s3:PutObjectRetention"), "reconcile may do s3:PutObjectRetention"),
    (lambda s: variables(s).update(KAMIVEND_EVIDENCE_BUCKET={"Ref": "EvidenceBucket"}), "with a bucket named"),
    (put(lambda s: s.resources["EvidenceBucket"], "Condition", None), "EvidenceBucket is made beside the one that is named"),
    (put(variables, "KAMIVEND_EVIDENCE_BUCKET", None), "is told None"),
)
def reaches(stack):
    for words, given, wanted, arn in (
        ("no bucket", "", "EvidenceBucket", "EvidenceBucket.Arn"),
        ("a bucket", "my-evidence", "my-evidence", "arn:${AWS::Partition}:s3:::my-evidence"),
    ):
        chosen = stack.copy()
        chosen.template["Parameters"]["EvidenceBucketName"]["Default"] = given
        for name, properties in chosen.functions().items():
            runs, found = program(chosen, name), set()
            for statement in statements(chosen, chosen.target(properties["Role"])):
                for action in many(statement["Action"]):
                    for resource in many(statement["Resource"]):
                        if action.startswith("s3:"):
                            found.add((action, str(chosen.value(resource))))
            allowed = {(action, arn + rest) for action, rest in MAY} if runs == KEEPS else set()
            for action, resource in sorted(found - allowed):
                yield f"with {words} named, {runs} may do {action} to {resource}"
            for action, resource in sorted(allowed - found):
                yield f"with {words} named, {runs} may not do {action} to {resource}"
        told = chosen.value(variables(chosen)).get("KAMIVEND_EVIDENCE_BUCKET")
        if told != wanted:
            yield f"with {words} named, {KEEPS} is told {told}"
    for name in stack.of("AWS::S3::Bucket"):
        if stack.resources[name].get("Condition") != "MakesEvidenceBucket":
            yield f"{name} is made beside the one that is named"
