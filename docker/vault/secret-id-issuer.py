"""Keeps an unused wrapped secret_id in the volume of each service, so that every service can start at any time.

A wrapped secret_id can be used once, by a service that starts. inotify, which works across containers, reports that the
file was read; a lookup on the server then shows whether the secret_id was used. If so, it is replaced within a second. It is
also replaced before it expires. The issuer logs in with a certificate for each secret_id and keeps no token.
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
WRAP_TTL = 3600
# Seconds that a service may take between reading its secret_id and using it.
MAX_LOGIN_DELAY = 90
# Seconds between lookups of secret_ids whose files were not read.
CHECK_INTERVAL = 300
IN_CLOSE_NOWRITE = 0x10

tls = ssl.create_default_context(cafile=os.environ["VAULT_CACERT"])
tls.load_cert_chain(os.environ["VAULT_CLIENT_CERT"])


class Refused(Exception):
    """The server responded with a status other than 200: args are the path and the status."""


def post(path, body, **headers):
    host, _, port = os.environ["VAULT_ADDR"].removeprefix("https://").partition(":")
    server = http.client.HTTPSConnection(host, int(port), timeout=10, context=tls)
    try:
        server.request("POST", f"/v1/{path}", json.dumps(body), headers)
        response = server.getresponse()
        text = response.read()
    finally:
        server.close()
    if response.status != 200:
        raise Refused(path, response.status)
    return json.loads(text)


class Service:
    def __init__(self, volume, role):
        self.volume = VOLUMES / volume
        self.role = role
        self.wrapped = None
        self.replace_at = 0
        # Until this time, lookups check whether the secret_id was used.
        self.check_until = 0

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
        headers = {"X-Vault-Token": token, "X-Vault-Wrap-TTL": f"{WRAP_TTL}s"}
        response = post(f"auth/approle/role/{self.role}/secret-id", {}, **headers)
        self.wrapped = response["wrap_info"]["token"]
        part = self.volume / "part"
        part.write_text(self.wrapped)
        part.replace(self.volume / "secret_id")
        self.replace_at = time.monotonic() + WRAP_TTL / 2
        self.check_until = 0
        print(f"{self.volume.name}: a new wrapped secret_id", flush=True)

    def replace_if_needed(self, now):
        if now >= self.replace_at or (now < self.check_until and self.is_used()):
            self.issue()


def watch(services):
    """Returns a function that waits and yields the services whose files were read."""
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
    # The kernel discards signals to PID 1 that have no handler.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    services = [Service(*pair.split("=")) for pair in os.environ["SERVICES"].split()]
    wait = watch(services)
    next_check = time.monotonic() + CHECK_INTERVAL
    last_error = None
    while True:
        now = time.monotonic()
        failed = None
        if now >= next_check:
            next_check = now + CHECK_INTERVAL
            for service in services:
                service.check_until = max(service.check_until, now + 1)
        for service in services:
            try:
                service.replace_if_needed(now)
            except (OSError, http.client.HTTPException, Refused) as error:
                failed = f"{service.volume.name}: {error}"
        if failed and failed != last_error:
            print(failed, file=sys.stderr, flush=True)
        last_error = failed
        busy = failed or any(now < service.check_until for service in services)
        for service in wait(1 if busy else CHECK_INTERVAL):
            service.check_until = time.monotonic() + MAX_LOGIN_DELAY


if __name__ == "__main__":
    main()
