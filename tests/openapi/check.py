"""Starts the simulated systems, asks every route something, and has an independent validator judge both sides of it.

Usage: check.py SERVE DOCUMENTS. Prints what failed, what no document covers, and `N passed, N failed`."""
import json
import os
import pathlib
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request

import books
import crm
import mail
from document import Document


class Sim:
    """One running system."""

    def __init__(self, serve, system, records):
        environment = {**os.environ, "NAVE_SIM_STDIN": "1"}
        self.process = subprocess.Popen([serve, system, "0", str(records), "7"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        self.ready = json.loads(self.process.stdout.readline())
        self.credential = self.ready["credential"]

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=20)

    def send(self, method, path, query, headers, body):
        url = self.ready["base_url"] + path + ("?" + urllib.parse.urlencode(query) if query else "")
        data = None
        if isinstance(body, str):
            data, headers = body.encode(), {"Content-Type": "application/x-www-form-urlencoded", **headers}
        elif body is not None:
            data, headers = json.dumps(body).encode(), {"Content-Type": "application/json", **headers}
        request = urllib.request.Request(url, data=data, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read()
        return status, json.loads(text) if text else None


class Check:
    """Sends requests and counts verdicts."""

    def __init__(self, sim, documents, headers, rename):
        self.sim, self.documents, self.headers, self.rename = sim, documents, headers, rename
        self.passed, self.failed = 0, []
        self.asked, self.uncovered = set(), set()

    def __call__(self, method, path, status, query=(), body=None, headers=None, legal=True):
        """One request. `legal`: the request itself must agree with the document; answers always must."""
        headers = {**self.headers, **(headers or {})}
        query = list(query.items()) if isinstance(query, dict) else list(query)
        got, answer = self.sim.send(method, path, query, headers, body)
        wrong = [] if got == status else [f"answered {got}, {status} was expected: {json.dumps(answer)[:300]}"]
        documented = self.rename(path)
        found = next(((d, t) for d in self.documents if (t := d.find(method, documented))), None)
        if found is None:
            self.uncovered.add(f"{method} {path.split('?')[0]} -> {got}")
        else:
            document, template = found
            self.asked.add((document.name, method, template))
            if legal:
                wrong += document.request(method, template, query, headers, body)
            verdict = document.answer(method, template, got, answer)
            if verdict is None:
                self.uncovered.add(f"{method} {template} -> {got}")
            else:
                wrong += verdict
        if wrong:
            self.failed.append(f"{method} {path} {json.dumps(body) if body is not None else ''}\n    " + "\n    ".join(wrong[:6]))
        else:
            self.passed += 1
        return answer

    def covers(self, document, without=()):
        """Every operation of a document was asked, except those said not to be simulated."""
        missing = {(m, p) for m, p in document.operations()} - {(m, p) for d, m, p in self.asked if d == document.name}
        missing = {(m, p) for m, p in missing if p not in without}
        if missing:
            self.failed += [f"{document.name}: {m} {p} was never asked" for m, p in sorted(missing)]
        else:
            self.passed += 1


def canaries(documents):
    """Answers that are wrong, which the validator must find: it is worth nothing if it cannot fail."""
    contacts, accounting, marketing = crm.documents(documents)[0], books.documents(documents)[0], mail.documents(documents)[0]
    good = {"id": "1", "properties": {"email": "a"}, "createdAt": "2025-06-01T08:00:00.000Z", "updatedAt": "2025-06-01T08:00:00.000Z", "archived": False}
    listing = (contacts, "GET", "/crm/v3/objects/contacts")
    wrong = [
        (*listing, 200, {"results": [{**good, "id": 1}]}), (*listing, 200, {"results": [{**good, "shoe": 1}]}),
        (*listing, 200, {"results": [{**good, "properties": {"email": None}}]}), (*listing, 200, {"results": [{**good, "createdAt": "yesterday"}]}),
        (*listing, 200, {}), (*listing, 404, {"message": "resource not found"}), (*listing, 200, None),
        (accounting, "GET", "/Contacts", 200, {"Contacts": [{"Shoe": "1"}]}), (accounting, "GET", "/Contacts", 200, {"Contacts": [{"Name": "x" * 256}]}),
        (accounting, "GET", "/Contacts", 200, {"Contacts": [{"Phones": [{"PhoneType": "PAGER"}]}]}), (accounting, "PUT", "/Contacts", 400, {"ErrorNumber": "10"}),
        (marketing, "GET", "/lists/{list_id}/members", 200, {"members": [{"shoe": "1"}]}), (marketing, "GET", "/lists/{list_id}/members", 200, {"members": [{"last_changed": "now"}]}),
        (marketing, "GET", "/ping", 404, {"title": "Resource Not Found"}),
    ]
    assert contacts.answer("GET", "/crm/v3/objects/contacts", 200, {"results": [good]}) == []
    return [f"canary not found: {status} {json.dumps(body)[:80]}" for d, m, p, status, body in wrong if not d.answer(m, p, status, body)], len(wrong)


def main(serve, documents):
    documents = pathlib.Path(documents)
    failed, count = canaries(documents)
    passed, uncovered = count - len(failed), set()
    for system, part in (("crm", crm), ("books", books), ("mail", mail)):
        sim = Sim(serve, system, 250)
        try:
            check = Check(sim, part.documents(documents), part.headers(sim.credential), part.rename)
            part.run(check, sim.credential)
        finally:
            sim.close()
        passed, failed, uncovered = passed + check.passed, failed + check.failed, uncovered | check.uncovered
    for line in sorted(uncovered):
        print("no document says what this looks like:", line)
    for line in failed:
        print("FAILED", line)
    print(f"{passed} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
