"""What is asked of `mail`."""
import hashlib

from document import Document

# Mailchimp lists what is wrong with each field in an `errors` that its document leaves out of the general problem.
UNDOCUMENTED = ["errors"]
LIST = "/3.0/lists/a1b2c3d4e5"


def documents(folder):
    return [Document(folder / "mailchimp" / "marketing-apisguru.json", base="/3.0", undocumented=UNDOCUMENTED)]


def headers(credential):
    return {"Authorization": f"Bearer {credential['token']}"}


def rename(path):
    return path


def run(check, credential):
    members(check)
    connector(check)
    others(check)
    asked = {(method, path) for _, method, path in check.asked}
    one = "/lists/{list_id}/members/{subscriber_hash}"
    wanted = {(method, one) for method in ("GET", "PUT", "PATCH", "DELETE")} | {
        ("GET", "/lists/{list_id}/members"), ("POST", "/lists/{list_id}/members"), ("POST", "/lists/{list_id}"), ("GET", "/lists/{list_id}/merge-fields"),
        ("GET", f"{one}/tags"), ("POST", f"{one}/tags"), ("POST", f"{one}/actions/delete-permanent"), ("GET", "/lists"), ("GET", "/lists/{list_id}"),
        ("GET", "/campaigns"), ("GET", "/campaigns/{campaign_id}"), ("GET", "/ping"),
    }
    if wanted <= asked:
        check.passed += 1
    else:
        check.failed.append(f"never asked: {sorted(wanted - asked)}")


def members(check):
    base = f"{LIST}/members"
    for query in ({}, {"count": "5", "offset": "3"}, {"since_last_changed": "2025-06-01T08:10:00+00:00"}, {"status": "unsubscribed"}, {"sort_field": "last_changed", "sort_dir": "DESC"}, {"fields": "members.id,total_items"}):
        check("GET", base, 200, query)
    ann = {"email_address": "Ann.Check@example.org", "status": "subscribed", "language": "de", "merge_fields": {"FNAME": "Ann", "PHONE": "+49301234567"}, "tags": ["fair"]}
    made = check("POST", base, 200, body=ann)
    name = hashlib.md5(b"ann.check@example.org").hexdigest()
    if made["id"] != name:
        check.failed.append(f"a member is not called by the hash of its mailbox: {made['id']}")
    one = f"{base}/{name}"
    check("POST", base, 400, body=ann)
    check("POST", base, 400, body={"email_address": "nobody", "status": "subscribed"})
    check("POST", base, 400, body={"email_address": "b@example.org"}, legal=False)
    check("GET", one, 200)
    check("GET", f"{base}/nobody", 404)
    check("PATCH", one, 200, body={"merge_fields": {"LNAME": "Check"}, "vip": True})
    check("PUT", one, 200, body={"email_address": "ann.check@example.org", "status_if_new": "subscribed", "status": "unsubscribed"})
    check("PUT", f"{base}/{'0' * 32}", 200, body={"email_address": "ben.check@example.org", "status_if_new": "pending"})
    check("POST", f"{one}/tags", 204, body={"tags": [{"name": "late", "status": "active"}, {"name": "fair", "status": "inactive"}]})
    check("GET", f"{one}/tags", 200)
    check("DELETE", one, 204)
    check("DELETE", one, 405)
    check("GET", one, 200)
    check("POST", f"{one}/actions/delete-permanent", 204)
    check("POST", LIST, 200, body={"members": [{"email_address": "cy@example.org", "status": "subscribed"}, {"email_address": "nobody", "status": "subscribed"}], "update_existing": True})
    check("POST", LIST, 200, body={"members": [{"email_address": "cy@example.org", "status": "subscribed", "language": "fr"}], "update_existing": True})


def connector(check):
    """The requests of plugins/mailchimp, as it sends them."""
    base = f"{LIST}/members"
    page = {"count": "1000", "offset": "0", "sort_field": "last_changed", "sort_dir": "ASC", "exclude_fields": "_links,members._links"}
    check("GET", base, 200, page)
    check("GET", base, 200, {**page, "since_last_changed": "2025-06-01T08:10:00+00:00", "status": "archived"})
    made = check("POST", base, 200, {"skip_merge_validation": "true"}, body={"email_address": "dee@example.org", "merge_fields": {"FNAME": "Dee"}, "status": "unsubscribed"})
    one = f"{base}/{made['contact_id']}"
    check("GET", f"{base}/dee%40example.org", 200, {"exclude_fields": "_links"})
    check("PATCH", one, 200, {"skip_merge_validation": "true"}, body={"email_address": "dee.check@example.org", "merge_fields": {"PHONE": ""}, "language": ""})
    check("DELETE", one, 204)
    check("GET", f"{LIST}/merge-fields", 200, {"count": "1000"})
    for listing in ("lists", "campaigns"):
        check("GET", f"/3.0/{listing}", 200, {"count": "1000", "offset": "0", "exclude_fields": f"_links,{listing}._links"})


def others(check):
    check("GET", "/3.0/ping", 200)
    check("GET", "/3.0/", 200)
    check("GET", "/3.0/lists", 200)
    check("GET", LIST, 200)
    check("GET", f"{LIST}/merge-fields", 200)
    check("GET", "/3.0/campaigns", 200, {"status": "sent", "count": "2"})
    check("GET", "/3.0/campaigns/c0000001aa", 200)
    check("GET", "/3.0/campaigns/nothing", 404)
    check("GET", "/3.0/lists", 401, headers={"Authorization": "Bearer wrong"})
