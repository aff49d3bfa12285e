"""What is asked of `books`."""
from document import Document

# Xero's envelope and its strings beside dates: in the document's own examples, not in its schemas. In a refusal the elements repeat
# fields of the contact.
UNDOCUMENTED = ["Id", "Status", "ProviderName", "DateTimeUTC", "DateString", "DueDateString"]
REPEATED = ["Name", "FirstName", "LastName", "EmailAddress", "ContactNumber", "HasValidationErrors"]


def documents(folder):
    accounting = Document(folder / "xero" / "xero_accounting.yaml", base="/api.xro/2.0", undocumented=UNDOCUMENTED + REPEATED)
    identity = Document(folder / "xero" / "xero-identity.yaml")
    return [accounting, identity]


def headers(credential):
    return {"Authorization": f"Bearer {credential['token']}", "xero-tenant-id": credential["tenant_id"], "Accept": "application/json"}


def rename(path):
    return "/Connections" if path == "/connections" else path


def run(check, credential):
    contacts(check)
    invoices(check)
    check("GET", "/api.xro/2.0/Organisation", 200)
    check("GET", "/connections", 200)
    form = f"client_id={credential['client_id']}&client_secret={credential['client_secret']}"
    check("POST", "/identity/connect/token", 200, body=f"grant_type=client_credentials&{form}")
    check("POST", "/identity/connect/token", 400, body=f"grant_type=password&{form}")
    asked = {(method, path) for _, method, path in check.asked}
    wanted = {("GET", "/Contacts"), ("PUT", "/Contacts"), ("POST", "/Contacts"), ("GET", "/Invoices"), ("GET", "/Organisation"), ("GET", "/Connections")}
    single = {(m, p) for m, p in asked if p in ("/Contacts/{ContactID}", "/Contacts/{ContactNumber}", "/Invoices/{InvoiceID}")}
    if wanted <= asked and {m for m, _ in single} == {"GET", "POST"}:
        check.passed += 1
    else:
        check.failed.append(f"never asked: {sorted(wanted - asked)} or one of the routes with an id")


def contacts(check):
    base = "/api.xro/2.0/Contacts"
    phone = [{"PhoneType": "MOBILE", "PhoneNumber": "1234567", "PhoneAreaCode": "151", "PhoneCountryCode": "49"}]
    street = [{"AddressType": "STREET", "AddressLine1": "Hauptstraße 1", "City": "Köln", "PostalCode": "50667", "Country": "Germany"}]
    person = [{"FirstName": "Bo", "LastName": "Other", "EmailAddress": "bo@example.org", "IncludeInEmails": True}]
    ann = {"Name": "Ann Check", "EmailAddress": "ann@example.org", "ContactNumber": "C-1", "DefaultCurrency": "EUR", "Phones": phone, "Addresses": street, "ContactPersons": person}
    made = check("PUT", base, 200, body={"Contacts": [ann, {"Name": "Ben Check"}]}, headers={"Idempotency-Key": "check-1"})
    again = check("PUT", base, 200, body={"Contacts": [ann, {"Name": "Ben Check"}]}, headers={"Idempotency-Key": "check-1"})
    if made != again:
        check.failed.append("the same idempotency key got another answer")
    one = made["Contacts"][0]["ContactID"]
    check("PUT", base, 400, body={"Contacts": [{"Name": "Else"}]}, headers={"Idempotency-Key": "check-1"})
    check("PUT", base, 400, body={"Contacts": [ann, {"Name": "Cy", "EmailAddress": "nobody"}]})
    check("PUT", base, 200, {"summarizeErrors": "false"}, body={"Contacts": [{"Name": "Di Check"}, {"Name": "ann check"}]})
    check("PUT", base, 400, body={"Contacts": [{"Name": "x" * 256}]}, legal=False)
    check("PUT", base, 400, body={"Contacts": [{"Name": "Ed", "Shoe": "1"}]}, legal=False)
    check("POST", base, 200, body={"Contacts": [{"ContactID": one, "LastName": "Check"}, {"ContactNumber": "C-2", "Name": "Flo Check"}]})
    check("POST", base, 200, {"summarizeErrors": "true"}, body={"Contacts": [{"ContactNumber": "C-1", "FirstName": "Ann"}]})
    check("POST", f"{base}/{one}", 200, body={"Contacts": [{"TaxNumber": "DE1"}]})
    check("POST", f"{base}/{one}", 400, body={"Contacts": [{"EmailAddress": "nobody"}]})
    check("POST", f"{base}/{one}", 200, body={"Contacts": [{"ContactStatus": "ARCHIVED"}]})
    check("GET", f"{base}/{one}", 200)
    check("GET", f"{base}/C-2", 200)
    check("GET", f"{base}/nobody", 404)
    check("GET", base, 200)
    for query in (
        {"page": "1"}, {"page": "2", "pageSize": "100"}, {"page": "1", "summaryOnly": "true"}, {"includeArchived": "true", "page": "1"},
        {"where": 'EmailAddress=="ann@example.org"', "includeArchived": "true"}, {"where": 'ContactNumber=="C-2"'},
        {"where": 'ContactStatus=="ACTIVE" AND Name.StartsWith("A")', "order": "Name ASC"}, {"IDs": one, "includeArchived": "true"},
        {"searchTerm": "check", "page": "1", "order": "UpdatedDateUTC DESC"},
    ):
        check("GET", base, 200, query)
    check("GET", base, 200, {"page": "1"}, headers={"If-Modified-Since": "2025-06-01T09:00:00"})
    check("GET", base, 400, {"where": "Shoe==1"})
    check("GET", base, 400, {"page": "0"})
    check("GET", base, 401, headers={"Authorization": "Bearer wrong"})
    check("GET", base, 403, headers={"xero-tenant-id": "other"})
    check("DELETE", f"{base}/{one}", 405, legal=False)


def invoices(check):
    base = "/api.xro/2.0/Invoices"
    page = check("GET", base, 200, {"page": "1", "pageSize": "50"})
    one = page["Invoices"][0]
    check("GET", base, 200)
    check("GET", base, 200, {"page": "1"}, headers={"If-Modified-Since": "2025-06-01T09:00:00"})
    check("GET", base, 200, {"where": 'Status=="PAID" AND Date>=DateTime(2025, 01, 01)', "order": "Date DESC", "page": "1"})
    check("GET", base, 200, {"ContactIDs": one["Contact"]["ContactID"], "Statuses": "DRAFT,PAID,AUTHORISED", "page": "1"})
    check("GET", base, 200, {"IDs": one["InvoiceID"]})
    check("GET", base, 200, {"InvoiceNumbers": one["InvoiceNumber"]})
    check("GET", f"{base}/{one['InvoiceID']}", 200)
    check("GET", f"{base}/nothing", 404)
    check("POST", base, 405, body={"Invoices": []})
