"""First calls and replays of AWS Powertools for Python over Redis, in one thread: two rates, a line each.

`cargo xtask bench fleet` runs it, in an environment of its own, with the port of the server that the others use.
"""

import os
import sys
import time
import uuid

os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "bench")

from aws_lambda_powertools.utilities.idempotency import IdempotencyConfig, idempotent_function
from aws_lambda_powertools.utilities.idempotency.persistence.redis import RedisCachePersistenceLayer
from redis import Redis

SECONDS = float(sys.argv[2])

client = Redis(host="127.0.0.1", port=int(sys.argv[1]), decode_responses=True)
layer = RedisCachePersistenceLayer(client=client)
config = IdempotencyConfig(use_local_cache=False, expires_after_seconds=24 * 60 * 60)


@idempotent_function(data_keyword_argument="order", persistence_store=layer, config=config)
def charge(order):
    return {"order": order, "note": "x" * 170}


def rate(orders):
    calls, start = 0, time.perf_counter()
    while time.perf_counter() - start < SECONDS:
        charge(order=orders(calls))
        calls += 1
    return calls / (time.perf_counter() - start)


run = uuid.uuid4().hex
print(rate(lambda number: f"{run}-{number}"))
print(rate(lambda _: f"{run}-0"))
