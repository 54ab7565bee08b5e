"""Keeps a fresh wrapped secret_id in the volume of each service, so that any of them can start at any time.

A wrapped secret_id is good for one use, so a service that starts leaves a used one behind. The kernel tells when the file
was read (inotify works across containers), the server whether the use was made: then there is a new one a second later.
It is replaced before it expires, too. The issuer logs in with a certificate for each secret_id, and holds none itself.
"""

import ctypes
import http.client
import json
import os
import select
import signal
import ssl
import struct
import sys
import time
from pathlib import Path

VOLUMES = Path("/run/secret-ids")
LIFE = 3600
# How long a start may wait for Vault between reading its secret_id and using it.
PATIENCE = 90
# Everything is looked at this often, whether it was read or not.
ROUND = 300
IN_CLOSE_NOWRITE = 0x10

tls = ssl.create_default_context(cafile=os.environ["BAO_CACERT"])
tls.load_cert_chain(os.environ["BAO_CLIENT_CERT"])


class Refused(Exception):
    """The server does not want to."""


def post(path, body, **headers):
    host, _, port = os.environ["BAO_ADDR"].removeprefix("https://").partition(":")
    server = http.client.HTTPSConnection(host, int(port), timeout=10, context=tls)
    try:
        server.request("POST", f"/v1/{path}", json.dumps(body), headers)
        answer = server.getresponse()
        text = answer.read()
    finally:
        server.close()
    if answer.status != 200:
        raise Refused(path, answer.status)
    return json.loads(text)


class Service:
    def __init__(self, volume, role):
        self.volume = VOLUMES / volume
        self.role = role
        self.wrapped = None
        self.replace_at = 0
        # Until when it is worth asking whether the secret_id was used.
        self.suspected_until = 0

    def is_used(self):
        try:
            post("sys/wrapping/lookup", {"token": self.wrapped})
        except Refused as error:
            if error.args[1] == 400:
                return True
            raise
        return False

    def issue(self):
        token = post("auth/cert/login", {"name": "secret-id-issuer"})["auth"]["client_token"]
        headers = {"X-Vault-Token": token, "X-Vault-Wrap-TTL": f"{LIFE}s"}
        answer = post(f"auth/approle/role/{self.role}/secret-id", {}, **headers)
        self.wrapped = answer["wrap_info"]["token"]
        part = self.volume / "part"
        part.write_text(self.wrapped)
        part.replace(self.volume / "secret_id")
        self.replace_at = time.monotonic() + LIFE / 2
        self.suspected_until = 0
        print(f"{self.volume.name}: a new wrapped secret_id", flush=True)

    def look(self, now):
        if now >= self.replace_at or (now < self.suspected_until and self.is_used()):
            self.issue()


def watch(services):
    """Tells which service's file was read, as a function that waits for that."""
    libc = ctypes.CDLL(None, use_errno=True)
    inotify = libc.inotify_init1(0)
    watched = {libc.inotify_add_watch(inotify, bytes(s.volume), IN_CLOSE_NOWRITE): s for s in services}
    if -1 in watched:
        sys.exit(f"inotify: {os.strerror(ctypes.get_errno())}")

    def wait(seconds):
        if not select.select([inotify], [], [], seconds)[0]:
            return
        events = os.read(inotify, 65536)
        while events:
            which, _, _, length = struct.unpack_from("iIII", events)
            events = events[16 + length:]
            yield watched[which]

    return wait


def main():
    # Process 1 ignores what it has no handler for.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    services = [Service(*pair.split("=")) for pair in os.environ["SERVICES"].split()]
    wait = watch(services)
    next_round = time.monotonic() + ROUND
    complaint = None
    while True:
        now = time.monotonic()
        failed = None
        if now >= next_round:
            next_round = now + ROUND
            for service in services:
                service.suspected_until = max(service.suspected_until, now + 1)
        for service in services:
            try:
                service.look(now)
            except (OSError, http.client.HTTPException, Refused) as error:
                failed = f"{service.volume.name}: {error}"
        if failed and failed != complaint:
            print(failed, file=sys.stderr, flush=True)
        complaint = failed
        busy = failed or any(now < service.suspected_until for service in services)
        for service in wait(1 if busy else ROUND):
            service.suspected_until = time.monotonic() + PATIENCE


if __name__ == "__main__":
    main()
