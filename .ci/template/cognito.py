"""Tries docs/examples/cognito.yaml and the commands for it in docs/mcp.md, without an account.

moto's CloudFormation has no Cognito, but moto has Cognito: what the sample declares is made there,
in the order of its references, with the very properties that it has, as botocore knows them. Then
the commands run, by the real AWS CLI, as they stand in the documentation, up to a token that a
stand-in for the service takes by the parameters that the sample's outputs answer. What moto lacks
(the sign-in page and its style, the trigger at sign-in) is said; the trigger's code runs by itself.

Run by make validate."""

import base64
import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import boto3
import stack
from moto.server import ThreadedMotoServer

SAMPLE = "docs/examples/cognito.yaml"
REGION = "eu-central-1"
MCP_URL = "https://releases.example.com/mcp"


def resolved(value, sample, parameters, made):
    """The value with its references in their place; made has what Ref and GetAtt give."""

    def inner(v):
        return resolved(v, sample, parameters, made)

    if isinstance(value, list):
        return [inner(v) for v in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        (kind, arg), = value.items()
        if kind == "Ref":
            return parameters.get(arg) if arg in parameters else made[arg]
        if kind == "Fn::GetAtt":
            return made[".".join(arg if isinstance(arg, list) else arg.split(".", 1))]
        if kind == "Fn::Sub":
            return re.sub(r"\$\{([^}]+)\}", lambda m: str(inner({"Ref": m[1]} if "." not in m[1] else {"Fn::GetAtt": m[1]})), arg)
        if kind == "Fn::If":
            return inner(arg[1] if holds(sample["Conditions"][arg[0]], parameters) else arg[2])
    return {k: inner(v) for k, v in value.items()}


def holds(condition, parameters):
    """As much of a condition as the sample uses."""
    (equals,) = condition["Fn::Not"]
    left, right = equals["Fn::Equals"]
    return parameters[left["Ref"]] != right


def ordered(resources):
    """The names of the resources, each after those that it refers to or depends on."""
    done = []
    while len(done) < len(resources):
        ready = [n for n, r in resources.items() if n not in done and (stack.references(r["Properties"]) | {r.get("DependsOn")}) & set(resources) <= set(done)]
        if not ready:
            sys.exit(f"{SAMPLE}: its resources refer to each other in a circle: {', '.join(set(resources) - set(done))}")
        done += ready
    return done


def deployed(sample, **given):
    """Makes what the sample declares, and answers its outputs and what was passed over."""
    cognito, iam, functions = boto3.client("cognito-idp"), boto3.client("iam"), boto3.client("lambda")
    parameters = {n: p.get("Default") for n, p in sample["Parameters"].items()} | given | {
        "AWS::Region": REGION, "AWS::URLSuffix": "amazonaws.com", "AWS::Partition": "aws", "AWS::StackName": "releases-people",
    }
    made, passed = {}, []
    for name in ordered(sample["Resources"]):
        r = sample["Resources"][name]
        p = resolved(r["Properties"], sample, parameters, made)
        kind = r["Type"].removeprefix("AWS::")
        if kind == "Cognito::UserPool":
            p["PoolName"] = p.pop("UserPoolName")
            p.pop("EnabledMfas")  # a call of its own in the API
            pool = cognito.create_user_pool(**p)["UserPool"]
            made |= {name: pool["Id"], f"{name}.Arn": pool["Arn"]}
        elif kind == "Cognito::UserPoolGroup":
            made[name] = cognito.create_group(**p)["Group"]["GroupName"]
        elif kind == "Cognito::UserPoolResourceServer":
            made[name] = cognito.create_resource_server(**p)["ResourceServer"]["Identifier"]
        elif kind == "Cognito::UserPoolClient":
            known = {s for server in cognito.list_resource_servers(UserPoolId=p["UserPoolId"], MaxResults=50)["ResourceServers"] for s in (f"{server['Identifier']}/{x['ScopeName']}" for x in server["Scopes"])}
            unknown = set(p["AllowedOAuthScopes"]) - known - {"openid", "email", "profile", "phone", "aws.cognito.signin.user.admin"}
            if unknown:
                sys.exit(f"{SAMPLE}: the client has scopes that nobody declares, which Cognito refuses: {unknown}")
            for url in p["CallbackURLs"]:
                if url.startswith("http://") and not url.startswith("http://localhost"):
                    sys.exit(f"{SAMPLE}: Cognito refuses {url}: http is for localhost only (CreateUserPoolClient, CallbackURLs)")
            made[name] = cognito.create_user_pool_client(**p)["UserPoolClient"]["ClientId"]
        elif kind == "Cognito::UserPoolDomain":
            cognito.create_user_pool_domain(**p)
            made[name] = p["Domain"]
        elif kind == "IAM::Role":
            role = iam.create_role(RoleName=f"{name}-{len(given)}", AssumeRolePolicyDocument=json.dumps(p["AssumeRolePolicyDocument"]))["Role"]
            made |= {name: role["RoleName"], f"{name}.Arn": role["Arn"]}
        elif kind == "Lambda::Function":
            trigger(p["Code"]["ZipFile"])
            made |= {name: name, f"{name}.Arn": f"arn:aws:lambda:{REGION}:123456789012:function:{name}"}
        else:
            made[name] = name.lower()
            passed.append(kind)
    assert functions  # its region is right, or this would have failed
    return {n: resolved(o["Value"], sample, parameters, made) for n, o in sample["Outputs"].items()}, passed


def trigger(code):
    """The trigger's code, with an event as Cognito's page on it has it (version 2)."""
    scope = {}
    exec(compile(code, "index.py", "exec"), scope)  # the sample's own
    event = {
        "version": "2", "triggerSource": "TokenGeneration_HostedAuth", "userName": "3b1f",
        "request": {"userAttributes": {"sub": "3b1f", "email": "ann.lee@example.com", "email_verified": "true", "cognito:user_status": "CONFIRMED"},
                    "groupConfiguration": {"groupsToOverride": ["Admin"]}, "scopes": ["openid"]},
        "response": {"claimsAndScopeOverrideDetails": None},
    }
    got = scope["handler"](event, None)["response"]["claimsAndScopeOverrideDetails"]
    want = {"accessTokenGeneration": {"claimsToAddOrOverride": {"email": "ann.lee@example.com", "email_verified": "true"}}}
    if got != want:
        sys.exit(f"{SAMPLE}: the trigger answers {got}, not {want}")


class Service(BaseHTTPRequestHandler):
    """Takes a token as the service does with the sample's outputs as parameters."""

    answers = {}
    let_in = 0

    def do_GET(self):
        token = self.headers["Authorization"].removeprefix("Bearer ")
        claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
        good = (
            claims["iss"] == self.answers["TokenIssuer"] and claims.get(self.answers["AudienceClaim"]) == self.answers["TokenAudience"]
            and "Admin" in claims.get(self.answers["RolesClaim"], []) and claims["token_use"] == "access"
        )
        Service.let_in += good
        self.send_response(200 if good else 401)
        self.end_headers()
        if not good:
            print(f"refused: {claims} with {self.answers}", file=sys.stderr)

    def log_message(self, *_):
        pass


def commands():
    """The blocks of docs/mcp.md that use the AWS CLI."""
    text = Path("docs/mcp.md").read_text(encoding="utf-8")
    return [b for b in re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S) if re.search(r"\baws ", b)]


def run(block, home, service, reduced):
    """Runs a block as it stands, but for the addresses and what its reader puts in."""
    for stands, mine in (
        ("https://releases.example.com/api", f"http://127.0.0.1:{service}/api"), ("curl -i", "curl -sS --fail-with-body -i"), (SAMPLE, str(reduced)),
        ("eu-central-1_Ab12Cd34E", Service.answers["PoolId"]), ("PASTE-CLIENT-ID", Service.answers["TokenAudience"]),
    ):
        block = block.replace(stands, mine)
    # What one block exports, the next has, as in the reader's shell.
    exported = home / "exported"
    exported.touch()
    script = f". {exported}\nset -e\n{block}\nexport -p | grep -E '(POOL|CLIENT|TOKEN)=' > {exported} || true"
    done = subprocess.run(["bash", "-c", script], cwd=home, env=os.environ | {"HOME": str(home)}, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"docs/mcp.md: this does not work:\n{block}\n{done.stdout}{done.stderr}")
    return done.stdout


def main():
    sample = stack.read(SAMPLE)
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    # Whatever the shell says about an account is none of this.
    for name in [n for n in os.environ if n.startswith("AWS_")]:
        del os.environ[name]
    os.environ |= {"AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION, "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing",
                   "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    service = HTTPServer(("127.0.0.1", 0), Service)
    Thread(target=service.serve_forever, daemon=True).start()

    deployed(sample, DomainPrefix="my-organisation-agents", McpUrl=MCP_URL)  # the second deployment's
    Service.answers, passed = deployed(sample, DomainPrefix="my-organisation-releases")
    unknown = set(Service.answers) - set(stack.read()["Parameters"]) - {"PoolId"}
    if unknown:
        sys.exit(f"{SAMPLE}: its outputs answer no parameter of template.yaml: {unknown}")

    ran = 0
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(KeyboardInterrupt):
        # What CloudFormation is given has the sample's parameters and outputs, and what moto can make.
        reduced = Path(folder) / "cognito.json"
        reduced.write_text(json.dumps({
            "AWSTemplateFormatVersion": "2010-09-09", "Parameters": sample["Parameters"], "Resources": {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": {"Ref": "DomainPrefix"}}}},
            "Outputs": {n: {"Value": v} for n, v in Service.answers.items()},
        }), encoding="utf-8")
        # moto works outputs out when a stack is created, and not where a change set does that.
        boto3.client("cloudformation").create_stack(StackName="releases-people", TemplateBody=reduced.read_text(), Parameters=[{"ParameterKey": "DomainPrefix", "ParameterValue": "before"}])
        for block in commands():
            out = run(block, Path(folder), service.server_port, reduced)
            if "describe-stacks" in block and not re.search(r"^TokenAudience\s+\S+$", out, re.M):
                sys.exit(f"docs/mcp.md: the outputs are not to be read:\n{out}")
            if "REFRESH_TOKEN_AUTH" in block and out.count(".") != 2:
                sys.exit(f"docs/mcp.md: no access token alone came from the refresh token:\n{out}")
            ran += 1
    if not Service.let_in or ran < 5:
        sys.exit(f"docs/mcp.md: of {ran} blocks none ended in a token that the service takes")
    print(f"{SAMPLE}: made by moto's Cognito, but for {', '.join(passed)}; {ran} blocks of docs/mcp.md run, the token is taken")
    server.stop()


if __name__ == "__main__":
    main()
