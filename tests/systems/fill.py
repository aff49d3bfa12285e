"""Enters a dozen people, and what belongs to them, into a real system through its own interface: `fill.py '<line of start.sh>'`.

For recordings (tests/recordings.sh): always the same, so that they differ only where the connector does.
"""

import json
import sys
import urllib.request

PEOPLE = [
    ("Ada", "Lovelace", "Köln"), ("Bob", "Berg", "Bonn"), ("Cem", "van der Berg", "Trier"), ("Dörte", "Müller", "Aachen"),
    ("Eve", "O'Brien", "Dublin"), ("Finn", "Olsen", "Oslo"), ("Gül", "Şahin", "İzmir"), ("Hans", "Maier", "Wien"),
    ("Ida", "Nowak", "Kraków"), ("Jo", "Li", "London"), ("Kai", "Sørensen", "Århus"), ("Lea", "Fournier", "Lyon"),
]
COMPANIES = ["Radhaus Köln KG", "Speiche & Söhne GmbH", "Broken \"Spoke\" Ltd"]


def caller(line, scheme):
    def call(method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"{scheme} {line['credential']}", "Content-Type": "application/json"}
        request = urllib.request.Request(line["base"] + path, data=data, headers=headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or b"null")
    return call


def tryton(line):
    call = caller(line, "bearer")
    for first, last, city in PEOPLE:
        address = f"{first}.{last}@example.test".lower().replace(" ", "").replace("'", "")
        call("POST", "/party.party", {
            "name": f"{first} {last}",
            "contact_mechanisms": [["create", [{"type": "email", "value": address}, {"type": "phone", "value": "+49 221 470123"}]]],
            "addresses": [["create", [{"street": "Ring 1", "postal_code": "50667", "city": city}]]],
            "relations": [["create", [{"to": 1, "type": 1}]]],
        })
    for company in COMPANIES:
        call("POST", "/party.party", {"name": company})


def bottlecrm(line):
    call = caller(line, "Bearer")
    for first, last, city in PEOPLE:
        address = f"{first}.{last}@example.test".lower().replace(" ", "").replace("'", "").encode("ascii", "replace").decode().replace("?", "x")
        call("POST", "/contacts/", {"first_name": first, "last_name": last, "email": address, "city": city})
    for company in COMPANIES:
        call("POST", "/accounts/", {"name": company})


def request_tracker(line):
    call = caller(line, "token")
    for number, (first, last, city) in enumerate(PEOPLE):
        address = f"customer-{number}@example.test"
        call("POST", "/user", {"Name": address, "EmailAddress": address, "RealName": f"{first} {last}", "City": city, "Privileged": 0})
        call("POST", "/ticket", {
            "Queue": "General", "Subject": f"Broken spoke {number}", "Requestor": address, "Content": "hi", "ContentType": "text/plain",
        })


line = json.loads(sys.argv[1])
# Sympa has its people from its seed.
{"tryton": tryton, "bottlecrm": bottlecrm, "request-tracker": request_tracker, "sympa": lambda line: None}[line["system"]](line)
