"""Deploys the transformed template to moto's CloudFormation, in this process and without an
account: once as a first deployment, once with PublicUrl (moto's updates see no conditions, so
both are new stacks). moto makes what it knows and passes
over the rest, so this shows references that CloudFormation could not resolve and what the
types it knows refuse, not everything that AWS would. The types it lacks are listed.

Run by make validate."""

import io
import json
import os
import sys
import warnings
import zipfile
from collections import Counter

import stack

for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
    os.environ[name] = "testing"
os.environ.pop("AWS_PROFILE", None)

import boto3  # noqa: E402
from moto import mock_aws  # noqa: E402

# What moto 5.2 does not make. These are taken out, and what refers to them gets a word in
# their place (an alias: its function), or moto would fail at the references.
LACKING = {
    "AWS::ApiGateway::Account",
    # It reads no Body of a RestApi, and deploys none without methods.
    "AWS::ApiGateway::Deployment",
    "AWS::ApiGateway::Stage",
    "AWS::AppConfig::Application",
    "AWS::AppConfig::ConfigurationProfile",
    "AWS::AppConfig::HostedConfigurationVersion",
    "AWS::CloudWatch::Alarm",
    "AWS::CodeDeploy::Application",
    "AWS::CodeDeploy::DeploymentGroup",
    "AWS::CloudWatch::Dashboard",
    "AWS::Lambda::Alias",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Logs::MetricFilter",
    "AWS::SES::ConfigurationSet",
    "AWS::SES::ConfigurationSetEventDestination",
    "AWS::SQS::QueuePolicy",
    "AWS::Scheduler::Schedule",
}


def without(lacking, value):
    """The value with references to what is lacking replaced."""
    if isinstance(value, list):
        return [without(lacking, v) for v in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        (kind, arg), = value.items()
        name = arg if kind == "Ref" else arg[0] if kind == "Fn::GetAtt" else None
        if name in lacking:
            return lacking[name]
        if kind == "Fn::Sub":
            text, own = arg if isinstance(arg, list) else (arg, {})
            text = text.replace(".Arn}:live", ".Arn}")  # an alias by its name
            own = {k: without(lacking, v) for k, v in own.items()}
            for n in lacking:
                if "${" + n + "}" in text:
                    own[n] = lacking[n]
            return {kind: [text, own] if own else text}
    return {k: without(lacking, v) for k, v in value.items()}


def for_moto(template):
    """The transformed template as far as moto can make it, and the types that it cannot."""
    resources = template["Resources"]
    lacking = {}
    for name, r in resources.items():
        if r["Type"] == "AWS::Lambda::Alias":
            lacking[name] = {"Fn::GetAtt": [r["Properties"]["FunctionName"]["Ref"], "Arn"]}
        elif r["Type"] in LACKING:
            lacking[name] = "made-up-" + name.lower()
    types = Counter(resources[n]["Type"] for n in lacking)
    kept = {n: without(lacking, r) for n, r in resources.items() if n not in lacking}
    for r in kept.values():
        depends = r.pop("DependsOn", [])
        depends = [n for n in ([depends] if isinstance(depends, str) else depends) if n not in lacking]
        if depends:
            r["DependsOn"] = depends
    outputs = without(lacking, template.get("Outputs", {}))
    return {**template, "Resources": kept, "Outputs": outputs}, types


def deployed(template, s3, cloudformation, name, **given):
    resources, types = for_moto(stack.transformed(template, **given))
    for function, r in template["Resources"].items():
        if r["Type"] == "AWS::Serverless::Function":
            s3.put_object(Bucket="code", Key=f"{function}.zip", Body=code)
    s3.put_object(Bucket="code", Key="template.json", Body=json.dumps(resources))
    values = {k: v for k, v in stack.answers(template, given).items() if not k.startswith("AWS::")}
    cloudformation.create_stack(
        StackName=name,
        TemplateURL="https://s3.amazonaws.com/code/template.json",
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[{"ParameterKey": k, "ParameterValue": str(v)} for k, v in values.items()],
    )
    status = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
    made = [s for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=name) for s in page["StackResourceSummaries"]]
    return resources["Resources"], types, status, made


def a_zip():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        z.writestr("bootstrap", "nothing")
    return out.getvalue()


code = a_zip()
warnings.simplefilter("ignore")


@mock_aws
def main():
    template = stack.read()
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="code")
    cloudformation = boto3.client("cloudformation")
    complaints = []
    for what, given in (("first", {}), ("with-public-url", {"PublicUrl": "https://releases.example", "ApiGatewayLogRole": "exists"})):
        resources, types, status, made = deployed(template, s3, cloudformation, what, **given)
        if status not in ("CREATE_COMPLETE",):
            complaints.append(f"{what} ended as {status}")
        names = {m["LogicalResourceId"] for m in made}
        print(f"{what}: {status}, {len(names & set(resources))} of {len(resources) + sum(types.values())} resources made")
        print("  moto lacks " + ", ".join(f"{t.removeprefix('AWS::')} ({n})" for t, n in sorted(types.items())))
        for n, r in resources.items():
            if n not in names and "Condition" not in r:
                complaints.append(f"moto made no {n} ({r['Type']})")
        protected = [
            boto3.client("dynamodb").describe_table(TableName=m["PhysicalResourceId"])["Table"]["DeletionProtectionEnabled"]
            for m in made
            if m["ResourceType"] == "AWS::DynamoDB::Table"
        ]
        if len(protected) < 4 or set(protected) != {bool(given)}:
            complaints.append(f"{what}: the tables' protection against deletion is {protected}")
        mappings = [m for m in made if m["ResourceType"] == "AWS::Lambda::EventSourceMapping"]
        print(f"  {len(protected)} tables, {'protected' if all(protected) else 'not protected yet'}, and {len(mappings)} stream mappings")
        if len(mappings) < 5:
            complaints.append(f"{what}: only {len(mappings)} stream mappings were made")
    for c in complaints:
        print("✗", c, file=sys.stderr)
    sys.exit(bool(complaints))


if __name__ == "__main__":
    main()
