"""The seed of this run of the crash proof: drawn anew each time, or the one that is asked for."""

import os
import secrets

VARIABLE = "GRIDFAAS_E2E_SEED"
SEED = int(os.environ.get(VARIABLE) or secrets.randbelow(10**6))
