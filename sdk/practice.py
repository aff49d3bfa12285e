#!/usr/bin/env python3
"""A system to practise on: practice.py [PORT]

Answers as the templates of `nave plugin new` expect, with two people in memory. Its token is `practice`. It says where it
listens, on one line; with port 0 it picks one. Needs nothing but Python 3.8.
"""
import json
import sys
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from urllib.parse import parse_qs, unquote, urlsplit

LOCK, CLOCK, PEOPLE = Lock(), [datetime.now(timezone.utc) - timedelta(hours=1)], {}


def put(person_id, said):
    """Keeps a person, with a time of change later than every one before."""
    CLOCK[0] = max(CLOCK[0] + timedelta(milliseconds=1), datetime.now(timezone.utc))
    changed = CLOCK[0].isoformat(timespec="milliseconds").replace("+00:00", "Z")
    PEOPLE[person_id] = {"id": person_id, "name": said.get("name"), "email": said.get("email"), "changed": changed}
    return PEOPLE[person_id]


class System(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        said = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with LOCK:
            status, body = self.asked(said)
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PUT = do_DELETE = answer

    def asked(self, said):
        if self.headers.get("Authorization") != "Bearer practice":
            return 401, {"message": "the token is `practice`"}
        url = urlsplit(self.path)
        folder, _, person_id = unquote(url.path).lstrip("/").partition("/")
        if folder != "people":
            return 404, {"message": "there are only /people"}
        if self.command == "GET" and not person_id:
            return 200, {"people": self.page({name: values[0] for name, values in parse_qs(url.query).items()})}
        if self.command == "POST" and not person_id:
            return 201, put(str(len(PEOPLE) + 1), json.loads(said))
        if person_id not in PEOPLE:
            return 404, {"message": "there is nobody with this id"}
        if self.command == "PUT":
            return 200, put(person_id, json.loads(said))
        return 200, PEOPLE.pop(person_id) if self.command == "DELETE" else PEOPLE[person_id]

    @staticmethod
    def page(wanted):
        """Those with an e-mail, or those that changed after a place, the oldest change first."""
        def place(person):
            return person["changed"], person["id"]

        if "email" in wanted:
            return [person for person in PEOPLE.values() if person["email"] == wanted["email"]]
        after = (wanted.get("since", ""), wanted.get("after", ""))
        return sorted((person for person in PEOPLE.values() if place(person) > after), key=place)[: int(wanted.get("limit", 100))]

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    put("1", {"name": "Ada Lovelace", "email": "ada@example.com"})
    put("2", {"name": "Grace Hopper", "email": "grace@example.com"})
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 8080), System)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
