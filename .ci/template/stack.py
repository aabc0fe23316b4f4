"""What the checks of the template share: reading it, and transforming it as CloudFormation
does (with the translator that CloudFormation itself runs, aws-sam-translator)."""

import copy
import logging
import os
import re
import sys
import time

# Any region will do, and nothing here asks for an account.
os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
logging.disable(logging.WARNING)

from samtranslator.translator.transform import transform  # noqa: E402
from samtranslator.yaml_helper import yaml_parse  # noqa: E402

TEMPLATE = "template.yaml"

# Answers for the parameters without a default. Nothing of it exists.
ANSWERS = {
    "TokenIssuer": "https://issuer.example",
    "JwksUrl": "https://issuer.example/keys",
    "TokenAudience": "releases",
    "MailSender": "releases@example.com",
}


class Policies:
    """Stands for IAM, which the translator asks for the ARNs of AWS's own policies."""

    def load(self):
        names = ("AWSCodeDeployRoleForLambda", "AWSCodeDeployRoleForLambdaLimited")
        return {n: "arn:aws:iam::aws:policy/service-role/" + n for n in names}


def read(path=TEMPLATE):
    with open(path, encoding="utf-8") as f:
        return yaml_parse(f.read())


def answers(template, given=()):
    values = {n: p["Default"] for n, p in template["Parameters"].items() if "Default" in p}
    values.update(ANSWERS)
    values.update(given)
    missing = set(template["Parameters"]) - set(values)
    if missing:
        sys.exit(f"give {', '.join(sorted(missing))} an answer in .ci/template/stack.py")
    values["AWS::Region"] = os.environ["AWS_DEFAULT_REGION"]
    return values


def transformed(template, bucket="code", **given):
    """The template as CloudFormation would deploy it, with the code in a bucket."""
    source = copy.deepcopy(template)
    for name, r in source["Resources"].items():
        if r["Type"] == "AWS::Serverless::Function":
            r["Properties"]["CodeUri"] = f"s3://{bucket}/{name}.zip"
    return transform(source, answers(template, given), Policies())


def later():
    """Waits until the translator's clock, which counts whole seconds, is another."""
    time.sleep(1.05)


def references(value, found=None):
    """The names in Ref and Fn::Sub, wherever they stand."""
    found = set() if found is None else found
    if isinstance(value, dict):
        for k, v in value.items():
            if k == "Ref":
                found.add(v)
            elif k == "Fn::GetAtt":
                found.add(v[0] if isinstance(v, list) else v.split(".")[0])
            elif k == "Fn::Sub":
                text, own = v if isinstance(v, list) else (v, {})
                names = re.findall(r"\$\{([^!}]+)\}", text)
                found.update(n.split(".")[0] for n in names if n not in own)
                references(own, found)
            else:
                references(v, found)
    elif isinstance(value, list):
        for v in value:
            references(v, found)
    return found
