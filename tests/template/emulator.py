"""`.ci/stack`: the real functions in an emulated AWS, from a buyer's order to their key, with roles enforced.

    emulator.py EMULATOR BUILD

EMULATOR is the program `ministack`; BUILD is the folder that `sam build` filled, with one folder for each function.
"""

import hashlib
import io
import json
import sys
import tempfile
import threading
import time
import uuid
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

from world import World, fail, heard_from_outside, until

CARDS = [f"EMULATED-CARD-{number:04}" for number in range(1, 9)]
MERCHANT, KEY = "1000", "a-merchants-key-of-nobody"
CHANNEL, PRODUCT = "epay", "emulated"


def ok(words):
    print(f"ok      emulator: {words}")


class Gateway(BaseHTTPRequestHandler):
    """A payment gateway that knows what was paid, and notes what it is asked about."""

    asked, paid = [], {}

    def do_GET(self):
        asked = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        Gateway.asked.append(asked.get("out_trade_no"))
        trade = Gateway.paid.get(asked.get("out_trade_no")) or Gateway.paid.get(asked.get("trade_no"))
        unknown = {"code": -1, "msg": "订单号不存在"}
        body = json.dumps(
            {"code": 1, "msg": "", "pid": int(MERCHANT), "status": 1} | trade if trade else unknown
        ).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def archives(build):
    """What would be uploaded of every function: an archive with its program."""
    found = {}
    for program in sorted(Path(build).glob("*/bootstrap")):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            entry = zipfile.ZipInfo("bootstrap")
            entry.external_attr, entry.compress_type = 0o755 << 16, zipfile.ZIP_DEFLATED
            archive.writestr(entry, program.read_bytes())
        found[program.parent.name] = packed.getvalue()
    return found


def expect(answer, status, what):
    if answer[0] != status:
        fail(f"{what}: {answer[0]} instead of {status}: {answer[1]}")
    return answer[1]


class Seller:
    def __init__(self, world):
        self.world = world
        password = world.client("ssm").get_parameter(
            Name=f"/kamivend/{world.stack}/admin-password", WithDecryption=True
        )
        login = {"username": "admin", "password": password["Parameter"]["Value"]}
        expect(world.http("POST", "/api/admin/login", login | {"password": "wrong"}), 401, "a wrong password")
        token = expect(world.http("POST", "/api/admin/login", login), 200, "signing in")["token"]
        self.headers = {"Authorization": f"Bearer {token}"}

    def open(self, gateway):
        account = {"kind": "epay_v1", "base_url": gateway, "pid": MERCHANT, "key": KEY}
        told = expect(self.world.http("PUT", f"/api/admin/channels/{CHANNEL}", account, self.headers), 200, "a channel")
        if KEY in json.dumps(told):
            fail("the merchant's key comes out again")
        product = {
            "id": PRODUCT,
            "name": "Emulated",
            "kind": "single_use_key",
            "price": {"amount_minor": 990, "currency": "CNY"},
            "channels": [CHANNEL],
        }
        expect(self.world.http("POST", "/api/admin/products", product, self.headers), 201, "a product")
        address = f"/api/admin/products/{PRODUCT}/cards"
        text = {"Content-Type": "text/plain"} | self.headers
        told = expect(self.world.http("POST", address, "\n".join(CARDS).encode(), text), 200, "the cards")
        if told.get("imported") != len(CARDS):
            fail(f"of {len(CARDS)} cards came in {told}")


class Buyer:
    def __init__(self, world):
        self.world = world
        wish = {"product": PRODUCT, "quantity": 1, "contact": "buyer@example.com", "channel": CHANNEL}
        made = expect(world.http("POST", "/api/orders", wish, {"Idempotency-Key": str(uuid.uuid4())}), 201, "an order")
        self.id, self.attempt = made["order"]["id"], made["payment"]["attempt"]
        self.headers = {"Authorization": f"Bearer {made['order_token']}"}

    def pay(self, key=KEY):
        """What the gateway says when it has the money."""
        fields = {
            "pid": MERCHANT,
            "trade_no": f"T-{self.attempt}",
            "out_trade_no": self.attempt,
            "type": "alipay",
            "name": "product",
            "money": "9.90",
            "trade_status": "TRADE_SUCCESS",
        }
        if key == KEY:
            shown = {name: fields[name] for name in ("trade_no", "out_trade_no", "type", "name", "money")}
            Gateway.paid |= {fields["trade_no"]: shown, self.attempt: shown}
        text = "&".join(f"{name}={fields[name]}" for name in sorted(fields)) + key
        signed = fields | {"sign": hashlib.md5(text.encode()).hexdigest(), "sign_type": "MD5"}
        return self.world.http("GET", f"/webhooks/{CHANNEL}?{urlencode(signed)}")

    def status(self):
        return expect(self.world.http("GET", f"/api/orders/{self.id}", headers=self.headers), 200, "reading an order")[
            "status"
        ]

    def keys(self):
        status, told = self.world.http("GET", f"/api/orders/{self.id}/keys", headers=self.headers)
        return [one["content"] for one in told["keys"]] if status == 200 else []


def sells(world):
    """From an order to its key."""
    buyer = Buyer(world)
    expect(world.http("GET", f"/api/orders/{buyer.id}/keys", headers=buyer.headers), 409, "a key before the money")
    if buyer.pay("another key")[1] != "fail" or buyer.status() == "paid":
        fail("a forged notification was believed")
    began = time.monotonic()
    if (told := buyer.pay())[1] != "success":
        fail(f"the notification was answered {told}")
    keys = until(60, "the delivery", buyer.keys)
    if len(keys) != 1 or keys[0] not in CARDS:
        fail(f"the key is {keys}")
    ok(
        "an order, a forged and a true notification, the queue, the key"
        f" ({time.monotonic() - began:.1f} s after the money)"
    )
    expect(
        world.http("GET", f"/api/orders/{buyer.id}/keys", headers={"Authorization": "Bearer nobody"}),
        404,
        "a stranger's look",
    )
    for path in ("/", f"/p/{PRODUCT}", "/lookup", f"/o/{buyer.id}", "/assets/no", "/nowhere"):
        status, text = world.http("GET", path, headers={"Accept": "text/html"})
        if status not in ((200,) if path in ("/", f"/p/{PRODUCT}", "/lookup", f"/o/{buyer.id}") else (404,)):
            fail(f"the page {path} answers {status}")
        if keys[0] in str(text):
            fail(f"the page {path} shows a stranger the key")
    ok("pages through the front, and nothing to strangers")


def needs_its_role(world):
    """Without the right to the vault nothing is delivered: so it is the roles that decide here."""
    iam, role = world.client("iam"), world.resources["DeliverRole"]
    (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    whole = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    whole = whole if isinstance(whole, dict) else json.loads(whole)
    less = dict(whole, Statement=[s for s in whole["Statement"] if "-vault" not in json.dumps(s["Resource"])])
    if less == whole:
        fail("the function `deliver` has no right to the vault that could be taken away")
    iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(less))
    buyer = Buyer(world)
    buyer.pay()
    refused = until(60, "a refused delivery", lambda: [m for _, m in world.logged() if "AccessDenied" in m])
    if buyer.keys():
        fail("a function without its right delivered a key: the emulator enforces nothing")
    iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(whole))
    until(120, "the delivery with the right given back", buyer.keys)
    ok(f"without its right to the vault nothing is delivered ({len(refused)} refused); with it the same message is")


def sets_aside(world):
    """A message that nobody can read ends among the dead letters, and its neighbour is delivered."""
    sqs, queue = world.client("sqs"), world.resources["DeliverQueue"]
    dead = world.resources["DeliverDeadLetters"]
    buyer = Buyer(world)
    sqs.send_message(QueueUrl=queue, MessageBody="no message of ours")
    buyer.pay()
    until(60, "the delivery beside a message that cannot be read", buyer.keys)

    def ended():
        found = sqs.receive_message(QueueUrl=dead, MaxNumberOfMessages=10, VisibilityTimeout=0).get("Messages", [])
        return "no message of ours" in [message["Body"] for message in found]

    until(120, "the setting aside of a message", ended)
    ok("a message that nobody can read is set aside, and its neighbour is delivered")


def keeps_time(world):
    """The schedules call the timer, and it does what each asks."""
    events, jobs = world.client("events"), []
    for rule in events.list_rules()["Rules"]:
        for target in events.list_targets_by_rule(Rule=rule["Name"])["Targets"]:
            if target["Arn"].endswith(world.resources["ReconcileFunction"]):
                jobs.append((rule["ScheduleExpression"], json.loads(target["Input"])))
    if len(jobs) < 3:
        fail(f"the timer is called by {jobs}")
    buyer = Buyer(world)
    Gateway.asked.clear()
    for expression, event in jobs:
        told = world.invoke("ReconcileFunction", event)
        if event["job"] == "reconcile":
            continue
        if not told.get("complete") or (told.get("report") or {}).get("differences"):
            fail(f"{expression} {event} answers {told}")
    # Questions begin five seconds after an attempt.
    time.sleep(6)
    told = world.invoke("ReconcileFunction", {"job": "reconcile"})
    if not told.get("complete"):
        fail(f"a pass was not finished: {told}")
    if buyer.attempt not in Gateway.asked:
        fail(f"the gateway was not asked about {buyer.attempt}: {told}")
    ok(f"the timer's {len(jobs)} schedules: it asks the gateway, and the audits find nothing")


def says_nothing(world):
    """No card and no secret in any log of a function."""
    text = "".join(message for _, message in world.logged())
    secret = world.client("ssm").get_parameter(Name=f"/kamivend/{world.stack}/shop-secret", WithDecryption=True)
    for word in (*CARDS, KEY, secret["Parameter"]["Value"], "buyer@example.com"):
        if word in text:
            fail(f"{word} stands in a log")
    if "paid" not in text:
        fail("the functions' logs did not arrive, so nothing is known of them")
    ok(f"neither card nor secret nor contact in {len(text)} characters of logs")


def run(world, build):
    world.start()
    if outside := heard_from_outside(world.process.pid):
        fail(f"the emulator listens beyond this machine: {outside}")
    took = world.deploy(archives(build))
    ok(f"{len(world.resources)} resources of template.yaml deployed in {took:.1f} s, on {world.url} only")
    gateway = ThreadingHTTPServer(("127.0.0.1", 0), Gateway)
    threading.Thread(target=gateway.serve_forever, daemon=True).start()
    # The one thing that is changed after the deployment: messages come again after seconds instead of a minute.
    world.client("sqs").set_queue_attributes(
        QueueUrl=world.resources["DeliverQueue"], Attributes={"VisibilityTimeout": "2"}
    )
    Seller(world).open(f"http://127.0.0.1:{gateway.server_port}")
    ok("the setup function made the secrets; the seller signs in and brings in a channel, a product and cards")
    sells(world)
    needs_its_role(world)
    sets_aside(world)
    keeps_time(world)
    says_nothing(world)
    if outside := heard_from_outside(world.process.pid):
        fail(f"the emulator listens beyond this machine: {outside}")


def main():
    program, build = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        world = World(program, folder)
        try:
            run(world, build)
        except BaseException:
            sys.stdout.flush()
            if world.process.poll() is None:
                print(*(f"{group} {message.strip()}" for group, message in list(world.logged())[-40:]), sep="\n")
            print(*(Path(folder) / "emulator.log").read_text(errors="replace").splitlines()[-40:], sep="\n")
            raise
        finally:
            world.end()


if __name__ == "__main__":
    main()
