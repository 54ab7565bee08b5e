"""A typical entry point that uses hvac."""
import os
import sys

import hvac

client = hvac.Client(url=os.environ["VAULT_ADDR"], token=os.environ.pop("VAULT_TOKEN"))
secret = client.secrets.kv.v2.read_secret_version(path="bench1", mount_point="secret", raise_on_deleted_version=True)
os.environ.update({key.upper(): value for key, value in secret["data"]["data"].items()})
os.execv(sys.argv[1], sys.argv[1:])
