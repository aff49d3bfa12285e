"""What is asked of `crm`."""
import re

from document import Document

# HubSpot's errors say `"status": "error"`, which its document leaves out.
UNDOCUMENTED = ["status"]


def documents(folder):
    names = ("crm-contacts-v3", "crm-companies-v3", "crm-associations-2026-03", "oauth-2026-03")
    return [Document(folder / "hubspot" / f"{name}.json", undocumented=UNDOCUMENTED) for name in names]


def headers(credential):
    return {"Authorization": f"Bearer {credential['token']}"}


def rename(path):
    """The v4 association routes and the v1 token route are documented under the date of their newest version."""
    path = re.sub(r"^/crm/v4/objects/", "/crm/objects/2026-03/", path)
    return re.sub(r"^/oauth/v1/", "/oauth/2026-03/", path)


def run(check, credential):
    for kind, value in (("contacts", "email"), ("companies", "nave_id")):
        objects(check, f"/crm/v3/objects/{kind}", value, "firstname" if kind == "contacts" else "name")
    associations(check)
    others(check, credential)
    contacts, companies, _, _ = check.documents
    check.covers(contacts, without=["/crm/v3/objects/contacts/gdpr-delete"])
    check.covers(companies)


def objects(check, base, unique, text):
    def value(n):
        return f"check{n}@example.org" if unique == "email" else f"check-{n}"

    def create(n, **more):
        return {"properties": {unique: value(n), text: f"Check {n}", **more}, "associations": []}

    page = check("GET", base, 200, {"limit": "5", "properties": f"{text},{unique}", "associations": "companies,contacts", "archived": "false"})
    check("GET", base, 200, {"limit": "5", "after": page["paging"]["next"]["after"]})
    one = check("POST", base, 201, body=create(1))["id"]
    two = check("POST", base, 201, body=create(2, city="Köln"))["id"]
    check("POST", base, 409, body=create(1))
    check("POST", base, 400, body={"properties": {"no_such": "x"}, "associations": []})
    check("POST", base, 400, body={"properties": {text: 7}, "associations": []}, legal=False)
    check("GET", f"{base}/{one}", 200, {"properties": f"{text},{unique},city"})
    check("GET", f"{base}/{value(1)}", 200, {"idProperty": unique})
    check("GET", f"{base}/1", 404)
    check("GET", f"{base}/{one}", 401, headers={"Authorization": "Bearer wrong"})
    check("PATCH", f"{base}/{one}", 200, body={"properties": {text: "Changed", "city": ""}})
    check("PATCH", f"{base}/{one}", 400, body={"properties": {"hs_object_id": "1"}})
    check("PATCH", f"{base}/1", 404, body={"properties": {}})
    check("PATCH", f"{base}/{value(1)}", 200, {"idProperty": unique}, body={"properties": {"zip": "1"}})
    check("PUT", f"{base}/{one}", 405, body={}, legal=False)

    batch = f"{base}/batch"
    made = check("POST", f"{batch}/create", 201, body={"inputs": [create(3), {**create(4), "objectWriteTraceId": "t"}]})["results"]
    check("POST", f"{batch}/create", 409, body={"inputs": [create(3)]})
    check("POST", f"{batch}/create", 400, body={"inputs": []})
    read = {"properties": [text], "propertiesWithHistory": []}
    check("POST", f"{batch}/read", 200, body={**read, "inputs": [{"id": one}, {"id": two}]})
    check("POST", f"{batch}/read", 200, body={**read, "inputs": [{"id": value(3)}], "idProperty": unique})
    check("POST", f"{batch}/read", 207, body={**read, "inputs": [{"id": one}, {"id": "1"}]})
    check("POST", f"{batch}/update", 200, body={"inputs": [{"id": one, "properties": {text: "Again"}}]})
    check("POST", f"{batch}/update", 207, body={"inputs": [{"id": one, "properties": {text: "More"}}, {"id": "1", "properties": {}}]})
    upsert = [{"id": value(n), "idProperty": unique, "properties": {text: "Up"}} for n in (1, 9)]
    check("POST", f"{batch}/upsert", 200, body={"inputs": upsert})
    check("POST", f"{batch}/upsert", 207, body={"inputs": [{"id": "1", "properties": {}}]})
    check("POST", f"{batch}/upsert", 400, body={"inputs": [upsert[0], upsert[0]]})
    check("POST", f"{batch}/archive", 204, body={"inputs": [{"id": object["id"]} for object in made]})
    check("GET", f"{base}/{made[0]['id']}", 200, {"archived": "true"})

    modified = "lastmodifieddate" if base.endswith("contacts") else "hs_lastmodifieddate"
    filters = [
        [("EQ", unique, {"value": value(1)})],
        [("GTE", modified, {"value": "1748764800000"}), ("LT", modified, {"value": "1999999999999"})],
        [("GT", "hs_object_id", {"value": "0"}), ("LTE", "createdate", {"value": "2099-01-01"})],
        [("IN", text, {"values": ["up", "again"]})],
        [("HAS_PROPERTY", "city", {}), ("NOT_HAS_PROPERTY", "address", {})],
    ]
    search = {"limit": 3, "after": "0", "sorts": [f"-{modified}"], "properties": [text, modified]}
    for group in filters:
        group = [{"operator": op, "propertyName": name, **more} for op, name, more in group]
        check("POST", f"{base}/search", 200, body={**search, "filterGroups": [{"filters": group}]})
    check("POST", f"{base}/search", 400, body={**search, "limit": 201, "filterGroups": []})
    check("POST", f"{base}/search", 400, body={**search, "after": "10000", "filterGroups": []})

    check("POST", f"{base}/merge", 200, body={"primaryObjectId": one, "objectIdToMerge": two})
    check("POST", f"{base}/merge", 404, body={"primaryObjectId": one, "objectIdToMerge": "1"})
    check("GET", f"{base}/{two}", 200)
    check("DELETE", f"{base}/{one}", 204)
    check("DELETE", f"{base}/1", 404)
    check("GET", base, 200, {"archived": "true"})


def associations(check):
    company = check("POST", "/crm/v3/objects/companies", 201, body={"properties": {"name": "Edge"}, "associations": []})["id"]
    edge = [{"to": {"id": company}, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 279}]}]
    contact = check("POST", "/crm/v3/objects/contacts", 201, body={"properties": {"firstname": "Edge"}, "associations": edge})["id"]
    check("GET", f"/crm/v3/objects/contacts/{contact}", 200, {"associations": "companies"})
    for version in ("v4/objects", "objects/2026-03"):
        base = f"/crm/{version}/contacts/{contact}/associations"
        check("PUT", f"{base}/default/companies/{company}", 200)
        check("GET", f"{base}/companies", 200, {"limit": "1"})
        check("PUT", f"{base}/companies/{company}", 201, body=[{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 1}])
        check("PUT", f"{base}/companies/{company}", 400, body=[{"associationCategory": "USER_DEFINED", "associationTypeId": 99}])
        check("DELETE", f"{base}/companies/{company}", 204)
        check("GET", f"{base}/companies", 200)
        check("PUT", f"{base}/default/companies/1", 404)


def others(check, credential):
    form = f"client_id={credential['client_id']}&client_secret={credential['client_secret']}"
    for path in ("/oauth/v1/token", "/oauth/2026-03/token"):
        check("POST", path, 200, body=f"grant_type=client_credentials&{form}")
        check("POST", path, 200, body=f"grant_type=refresh_token&refresh_token={credential['refresh_token']}&{form}")
        check("POST", path, 400, body=f"grant_type=password&{form}")
        check("POST", path, 401, body="grant_type=client_credentials")
    check("GET", "/crm/v3/properties/contacts", 200)
    check("GET", "/crm/v3/properties/contacts/email", 200)
    check("GET", "/account-info/v3/details", 200)
