"""Transforms template.yaml as CloudFormation does, twice, and looks at what a second
deployment would change: what no linter, no laptop and no first deployment shows.

Run by make validate. Prints what it saw; complains and fails where a rule is broken."""

import sys
from collections import Counter

import stack

MOST = 450  # CloudFormation takes 500 (AWS CloudFormation User Guide, "Understand quotas")

complaints = []


def of(resources, kind):
    return {n: r for n, r in resources.items() if r["Type"] == kind}


def check_second_deployment(template):
    first = stack.transformed(template)["Resources"]
    stack.later()
    second = stack.transformed(template, PublicUrl="https://releases.example")["Resources"]
    before, after = (set(of(r, "AWS::ApiGateway::Deployment")) for r in (first, second))
    if before & after:
        complaints.append(f"a second deployment with PublicUrl does not reach the stage: {', '.join(before)} both times")
    else:
        print(f"the stage follows a parameter: {', '.join(before)}, then {', '.join(after)}")
    return first


def check_versions(template, resources):
    """A parameter that reaches a function makes a new version of it: its value stands in
    Settings, whose number is in each version's description."""
    settings = stack.references(resources.get("Settings", {}).get("Properties", {}))
    versions = of(resources, "AWS::Lambda::Version")
    described = 0
    for name, f in of(resources, "AWS::Lambda::Function").items():
        reach = stack.references(f["Properties"]) & set(template["Parameters"])
        for parameter in sorted(reach - settings - {"LogRetentionDays"}):
            complaints.append(f"{name} is told {parameter}, which is not in Settings: a change of it would not reach the version that is called")
        own = [v for v in versions.values() if name in stack.references(v["Properties"]["FunctionName"])]
        if len(own) != 1 or "Settings" not in stack.references(own[0]["Properties"].get("Description")):
            complaints.append(f"{name} has no version that Settings describes: give it VersionDescription: !Sub settings ${{Settings}}")
        elif "Settings" not in stack.references(f["Properties"]["Environment"]):
            complaints.append(f"{name} does not differ where Settings differs, so that Lambda would publish no version")
        else:
            described += 1
    print(f"{described} functions get a new version whenever one of {len(settings)} parameters changes")


# Where a function is called from, by type: the property that names it.
CALLERS = {
    "AWS::Lambda::Permission": lambda p: p["FunctionName"],
    "AWS::Lambda::EventSourceMapping": lambda p: p["FunctionName"],
    "AWS::Scheduler::Schedule": lambda p: p["Target"]["Arn"],
    "AWS::Events::Rule": lambda p: [t["Arn"] for t in p["Targets"]],
    "AWS::ApiGateway::RestApi": lambda p: uris(p["Body"]),
}


def uris(value):
    """The URIs of integrations and authorizers in an OpenAPI document."""
    found = []
    if isinstance(value, dict):
        for k, v in value.items():
            found += [v] if k in ("uri", "authorizerUri") else uris(v)
    elif isinstance(value, list):
        for v in value:
            found += uris(v)
    return found


def depends(resource, on):
    return on in resource.get("DependsOn", [])


def check_sam_local(template):
    """sam local leaves an authorizer out that it does not understand, and the API is open."""
    from samcli.lib.providers.api_provider import ApiProvider
    from samcli.lib.providers.sam_stack_provider import SamLocalStackProvider

    stacks, _ = SamLocalStackProvider.get_stacks(stack.TEMPLATE)
    api = ApiProvider(stacks).api
    # All methods that one function has under one path get the last one's authorizer there, in
    # no fixed order: at /mcp, whose OPTIONS is open, either all are asked for a token or none.
    open_to_all = {
        (method, e["Properties"]["Path"])
        for r in template["Resources"].values()
        if r["Type"] == "AWS::Serverless::Function"
        for e in r["Properties"].get("Events", {}).values()
        if e["Type"] == "Api" and e["Properties"].get("Auth", {}).get("Authorizer") == "NONE"
        for method in [e["Properties"]["Method"]]
    }
    asked = 0
    for route in api.routes:
        for method in route.methods:
            if route.authorizer_object is not None:
                asked += 1
            elif route.path not in {path for _, path in open_to_all}:
                complaints.append(f"under sam local {method} {route.path} asks nobody for a token")
    print(f"sam local asks the authorizer at {asked} of {sum(len(r.methods) for r in api.routes)} methods")
    if not asked:
        complaints.append("sam local has no route with an authorizer")


def check_aliases(resources):
    functions, aliases = of(resources, "AWS::Lambda::Function"), of(resources, "AWS::Lambda::Alias")
    called = 0
    for name, r in resources.items():
        if r["Type"] not in CALLERS:
            continue
        target = CALLERS[r["Type"]](r["Properties"])
        for t in target if isinstance(target, list) else [target]:
            called += 1
            names = stack.references(t)
            # The authorizer's is written as a name, for sam local's sake; then something has to wait for it.
            named = ".Arn}:live" in str(t) and depends(resources["Api"], "AuthorizeAliaslive")
            if not named and (names & set(functions) or not names & set(aliases)):
                complaints.append(f"{name} calls a function past its alias: {t}")
    for name, r in of(resources, "AWS::Lambda::EventInvokeConfig").items():
        if r["Properties"]["Qualifier"] != "live":
            complaints.append(f"{name} is not for the alias")
    print(f"{called} places call {len(functions)} functions, all by their alias")
    if called < 2 * len(functions):
        complaints.append(f"only {called} places that call a function were found: the check looks past them")


def check_gradual(template):
    off = stack.transformed(template)["Resources"]
    on = stack.transformed(template, GradualDeployment="true")["Resources"]
    if any("UpdatePolicy" in a for a in of(off, "AWS::Lambda::Alias").values()) or of(off, "AWS::CodeDeploy::DeploymentGroup"):
        complaints.append("traffic moves by CodeDeploy although GradualDeployment is off")
    for name, a in of(on, "AWS::Lambda::Alias").items():
        if "CodeDeployLambdaAliasUpdate" not in a.get("UpdatePolicy", {}):
            complaints.append(f"{name} jumps to a new version although GradualDeployment is on")
    for name, g in of(on, "AWS::CodeDeploy::DeploymentGroup").items():
        if not g["Properties"]["AlarmConfiguration"]["Alarms"]:
            complaints.append(f"{name}: no alarm takes a new version back")
    print(f"with GradualDeployment {len(of(on, 'AWS::CodeDeploy::DeploymentGroup'))} functions share traffic with their new version")
    return on


def count(resources, what):
    kinds = Counter(r["Type"] for r in resources.values())
    most = ", ".join(f"{n} {kind.removeprefix('AWS::')}" for kind, n in kinds.most_common(6))
    print(f"{len(resources)} resources {what} of {MOST} ({most}, …)")
    if len(resources) > MOST:
        complaints.append(f"{len(resources)} resources {what}; more than {MOST} leaves no room below CloudFormation's 500")


def dangling(template, resources):
    known = set(resources) | set(template["Parameters"])
    for name, r in resources.items():
        for n in stack.references(r.get("Properties", {})):
            if n not in known and not n.startswith("AWS::"):
                complaints.append(f"{name} refers to {n}, which is not there")


def circles(resources):
    """CloudFormation makes a resource after those it refers to, so that none may wait for itself."""
    needs = {}
    for name, r in resources.items():
        depends = r.get("DependsOn", [])
        needs[name] = stack.references(r) | set([depends] if isinstance(depends, str) else depends)
    done, path = set(), []

    def visit(name):
        if name in done or name not in needs:
            return
        if name in path:
            complaints.append("a circle: " + " → ".join(path[path.index(name):] + [name]))
            return
        path.append(name)
        for n in needs[name]:
            visit(n)
        path.pop()
        done.add(name)

    for name in needs:
        visit(name)


def main():
    template = stack.read()
    resources = check_second_deployment(template)
    dangling(template, resources)
    check_versions(template, resources)
    check_aliases(resources)
    check_sam_local(template)
    count(resources, "at first")
    gradual = check_gradual(template)
    circles(gradual)
    count(gradual, "with GradualDeployment")
    for c in complaints:
        print("✗", c, file=sys.stderr)
    sys.exit(bool(complaints))


if __name__ == "__main__":
    main()
