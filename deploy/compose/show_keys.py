"""`python -m deploy.compose.show_keys`: the API keys of the stack, and a call to begin with."""

import os
import sys

from deploy.compose.layout import SECRETS, topology
from deploy.lab.keys_file import read_keys
from deploy.lab.topology import edges


def main() -> None:
    """Print the administrator's and the tenants' keys."""
    keys = read_keys(SECRETS / "keys" / "keys.json")
    edge = edges(topology())[0]
    port = os.environ.get("EDGE_PORT") or edge.port
    tenant, key = next(iter(keys.tenants.items()))
    lines = [f"{'platform admin':<18} {keys.admin}"]
    lines += [f"{slug:<18} {text}" for slug, text in keys.tenants.items()]
    lines += [
        "",
        f"The meters of {tenant}, as {edge.name} knows them:",
        f"  curl -H 'Authorization: Bearer {key}' 'http://127.0.0.1:{port}/v1/mdms/meters?limit=3'",
    ]
    sys.stdout.write("\n".join([*lines, ""]))


if __name__ == "__main__":
    main()
