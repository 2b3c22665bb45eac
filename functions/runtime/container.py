"""`python -m functions.runtime.container CHANNEL`: one worker, alone in a container.

CHANNEL is a unix socket (SOCK_SEQPACKET) whose other end is the zone's agent. It carries the
reports of `functions.runtime.protocol`, and from the agent, msgpack, one a message:
  {"op": "serve"} with configuration pipe, bound listening socket and perhaps the write end of a
                  log pipe as SCM_RIGHTS; what the agent sends first, and again after a sleep
  {"op": "sleep"} finish the calls in flight, end the lifespan (and with it every connection to a
                  store), say {"event": "asleep"} and wait: the container is about to be frozen
  {"op": "drain"} finish the calls in flight and end
So no credential is in the container's environment, arguments or files. The channel's end is the
agent's: the worker ends at once.
"""

import signal
import socket
import sys

CONNECT_DEADLINE_S = 10.0
FIRST_ORDER_DEADLINE_S = 30.0


def main() -> int:
    """Serve one function; 0 after a drain."""
    # As the init process passes it on; before there is a server nothing needs draining.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    channel.settimeout(CONNECT_DEADLINE_S)
    channel.connect(sys.argv[1])
    # Called first: what the agent has to prepare goes on while these load.
    from functions.runtime import contained

    channel.settimeout(FIRST_ORDER_DEADLINE_S)
    contained.serve(channel)
    return 0


if __name__ == "__main__":
    sys.exit(main())
