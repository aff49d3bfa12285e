"""What a person does at AWS, by the vendor's own client (botocore): keys are made, secrets written, rotated and deleted.

    client.py BASE setup            makes an administrator and a reader; prints their keys as one JSON line
    client.py BASE put NAME TEXT    a secret, or a new version of it: what was current is the previous one then
    client.py BASE delete NAME      at once

The last two are signed with NAVE_MOTO_ADMIN, `id:key`."""
import json
import os
import sys

import boto3

REGION = "eu-central-1"
READER = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": "*"}],
}
ADMIN = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
# Nobody may do nothing: a key that is taken, and lets nothing be read.
STRANGER = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}]}


def client(base, service, pair):
    key_id, key = pair.split(":")
    return boto3.client(
        service, endpoint_url=base, region_name=REGION, aws_access_key_id=key_id, aws_secret_access_key=key
    )


def setup(base):
    iam = client(base, "iam", "any:any")
    made = {}
    for name, policy in (("admin", ADMIN), ("reader", READER), ("stranger", STRANGER)):
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        made[name] = f"{key['AccessKeyId']}:{key['SecretAccessKey']}"
    print(json.dumps(made))


def main():
    base, verb, *more = sys.argv[1:]
    if verb == "setup":
        return setup(base)
    secrets = client(base, "secretsmanager", os.environ["NAVE_MOTO_ADMIN"])
    if verb == "put":
        name, text = more
        try:
            secrets.put_secret_value(SecretId=name, SecretString=text)
        except secrets.exceptions.ResourceNotFoundException:
            secrets.create_secret(Name=name, SecretString=text)
    elif verb == "delete":
        secrets.delete_secret(SecretId=more[0], ForceDeleteWithoutRecovery=True)
    else:
        sys.exit(f"no verb {verb}")


main()
