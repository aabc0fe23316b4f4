"""Prints a template with the tables alone, as template.yaml has them: what restored tables are
imported into (docs/operations.md, "Restore")."""

import json

import stack


def main():
    tables = {n: r for n, r in stack.read()["Resources"].items() if r["Type"] == "AWS::DynamoDB::Table"}
    for r in tables.values():
        # No condition comes along, and what is imported is in use.
        r["Properties"]["DeletionProtectionEnabled"] = True
        r["DeletionPolicy"] = "Retain"
    missing = stack.references(tables)
    if missing or not tables:
        raise SystemExit(f"the tables refer to {sorted(missing)}, which is not in a template of tables alone")
    print(json.dumps({"AWSTemplateFormatVersion": "2010-09-09", "Resources": tables}, indent=2))


if __name__ == "__main__":
    main()
