"""Descriptions made of the vendors' documents (`nave plugin new NAME --from`): each is built into a plugin, and `discover` answers
with the streams that were told. Of some documents it is known what must be found in them.

Owns nothing of the documents. Usage: described.py NAVE DOCUMENTS."""
import json
import pathlib
import subprocess
import sys
import tempfile

# Document → lines that its description must have.
FOUND = {
    "hubspot/crm-contacts-v3.json": ['cursor = "/paging/next/after"', 'path = "/crm/v3/objects/contacts/{id}"', 'records = "/results"'],
    "hubspot/crm-companies-v3.json": ['parameter = "after"', 'modified = "updatedAt"'],
    "xero/xero_accounting.yaml": ['parameter = "header:If-Modified-Since"', 'id = "ContactID"', 'total = "/pagination/itemCount"',
                                  'modified-format = "dotnet"', 'headers = { xero-tenant-id = "{settings.xero-tenant-id}" }'],
    "mailchimp/marketing-apisguru.json": ['total = "/total_items"', 'parameter = "offset"', 'kinds = [\n  { kind = "basic" },\n]'],
    "stripe/stripe-apisguru.json": ['style = "keyset"\nparameter = "starting_after"', 'more = "/has_more"',
                                    "# TODO create: it takes application/x-www-form-urlencoded"],
    "intercom/intercom-2.15.yaml": ['records = "/data"', '{ kind = "bearer" }'],
}
# Documents in which no list stands by itself: that is said, and what to do.
NONE = {"hubspot/crm-associations-2026-03.json", "hubspot/oauth-2026-03.json", "hubspot/webhooks-v3.json",
        "mailchimp/transactional.openapi.json", "prism-ready/hubspot-associations.json", "xero/xero-webhooks.yaml"}


def run(nave, *arguments):
    return subprocess.run([nave, "--json", *arguments], capture_output=True, text=True, check=False)


def described(nave, documents, file, folder):
    """What is wrong with what came of one document."""
    name = "d" + "".join(c if c.isalnum() else "-" for c in file.lower())[:60].strip("-")
    made = run(nave, "plugin", "new", name, "--from", str(documents / file), "--parent", folder)
    if file in NONE:
        return [] if made.returncode == 1 and "help" in made.stdout else [f"no list was to be found: {made.stdout}{made.stderr}"]
    if made.returncode != 0:
        return [made.stdout + made.stderr]
    told = json.loads(made.stdout)
    text = (pathlib.Path(folder) / name / "rest.toml").read_text(encoding="utf-8")
    wrong = [f"no {line!r}" for line in FOUND.get(file, []) if line not in text]
    built = run(nave, "plugin", "build", str(pathlib.Path(folder) / name))
    if built.returncode != 0:
        return wrong + [built.stdout + built.stderr]
    plugin = json.loads(built.stdout)["file"]
    answer = run(nave, "plugin", "call", plugin, "discover", "--settings", '{"url": "https://api.example.com"}')
    streams = sorted(stream["name"] for stream in json.loads(answer.stdout)) if answer.returncode == 0 else answer.stderr
    return wrong + ([] if streams == sorted(told["streams"]) else [f"discover: {streams} instead of {told['streams']}"])


def main():
    nave, documents = sys.argv[1], pathlib.Path(sys.argv[2])
    failed = 0
    all_files = sorted(f"{path.parent.name}/{path.name}" for end in ("json", "yaml") for path in documents.glob(f"*/*.{end}"))
    with tempfile.TemporaryDirectory() as folder:
        for file in all_files:
            wrong = described(nave, documents, file, folder)
            failed += bool(wrong)
            for line in wrong:
                print(f"{file}: {line[:500]}")
    print(f"descriptions: {len(all_files) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


main()
