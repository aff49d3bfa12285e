//! Every key of a description, with what it means: the reader refuses all others, and the reference in the README is made of
//! these lines.

/// A table of the description.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    /// How its heading is written; `NAME` stands for a name of the author's.
    pub place: &'static str,
    /// What it is.
    pub about: &'static str,
    /// Key and meaning.
    pub keys: &'static [(&'static str, &'static str)],
}

impl Section {
    /// Whether it has this key.
    pub fn has(&self, key: &str) -> bool {
        self.keys.iter().any(|(known, _)| *known == key)
    }
}

/// The top of the file.
pub const TOP: Section = Section {
    place: "the top of the file",
    about: "What the plugin is called, and its tables. Names are those of a plugin's manifest.",
    keys: &[
        ("name", "name of the plugin: a-z, 0-9 and -"),
        ("version", "for people: 1.2.3"),
        ("serial", "a number that grows with every release; an older one is a rollback"),
        ("title", "what it is called in lists"),
        ("description", "one or two sentences"),
        ("settings", "what a connection must give; tables [settings.NAME]"),
        ("endpoints", "the addresses that are reached; tables [endpoints.NAME]"),
        ("credentials", "what the hub signs in with; tables [credentials.NAME]"),
        ("webhook", "how the system signs what it tells, as `webhook` of a manifest; table [webhook]"),
        ("request", "what every request has"),
        ("check", "how a connection is tried"),
        ("errors", "what refusals mean"),
        ("streams", "the kinds of things; tables [streams.NAME]"),
    ],
};

/// A setting.
pub const SETTING: Section = Section {
    place: "[settings.NAME]",
    about: "A setting of the connection, used as `{settings.NAME}`. Never a secret.",
    keys: &[
        ("label", "what a person is asked"),
        ("help", "explains it"),
        ("type", "text, url, integer, boolean or json; default: text"),
        ("required", "it must be given"),
        ("default", "used when it is not given"),
        ("pattern", "regular expression of the whole value"),
    ],
};

/// An endpoint.
pub const ENDPOINT: Section = Section {
    place: "[endpoints.NAME]",
    about: "An address that is reached. The operator grants it by its host; methods and paths are taken from the streams, so no \
            more is asked for than the description uses.",
    keys: &[
        ("base", "base address: https://api.example.com/v1, or with a setting: {settings.url}/v1"),
        ("credential", "name of the table under [credentials] whose secret the hub adds"),
        ("reason", "said to the operator: to read and write customers"),
        ("headers", "Origin and Referer, where the system wants to be told"),
        (
            "allow",
            "more than the streams use, `{ methods = [\"GET\"], paths = [\"/next\"] }`: where paging addresses lie elsewhere",
        ),
    ],
};

/// A credential.
pub const CREDENTIAL: Section = Section {
    place: "[credentials.NAME]",
    about: "A secret that the hub adds to requests; the plugin never sees it. As in a manifest.",
    keys: &[
        (
            "kinds",
            "ways that the system accepts, the first is the default: `{ kind = \"bearer\" }`, `basic`, `header` with `name`, `query` with \
             `name`, `hmac`, `oauth-client-credentials`, `oauth2`, `login`",
        ),
        ("reason", "said to the operator"),
        ("help", "where a person finds it"),
        ("scopes", "what it must be allowed over there: `{ name, reason, writes }`"),
    ],
};

/// What every request has.
pub const COMMON: Section = Section {
    place: "[request]",
    about: "What every request has, unless it says otherwise itself.",
    keys: &[
        ("endpoint", "name of the table under [endpoints]; default: the only one"),
        ("headers", "headers: `{ Accept = \"application/vnd.example+json\" }`"),
        ("query", "parameters: `{ tenant = \"{settings.tenant}\" }`; one that comes out empty is left out"),
    ],
};

/// One request: shared by all tables that make one.
const REQUEST: [(&str, &str); 6] = [
    ("endpoint", "another endpoint than that of [request]"),
    ("method", "GET, POST, …; each table has a default that fits it"),
    ("path", "path below the endpoint's base: /users/{id}; what is put in is percent-encoded"),
    ("query", "parameters of the address; one that comes out empty is left out"),
    ("headers", "headers"),
    ("body", "what is sent as JSON, as a table; texts in it may have places in braces"),
];

/// How a connection is tried.
pub const CHECK: Section = Section {
    place: "[check]",
    about: "A reading request by which a connection is tried. Without it, the first page of the first stream is asked for.",
    keys: &[
        REQUEST[0],
        REQUEST[1],
        REQUEST[2],
        REQUEST[3],
        REQUEST[4],
        REQUEST[5],
        ("account", "pointer to what names the account: /user/name"),
        ("environment", "pointer to what tells a sandbox from production"),
        ("must-have", "pointer to what only a known user gets; where it is missing or null the credential counts as refused"),
        ("limits", "headers that tell limits, shown to a person: [\"X-Rate-Limit\"]"),
    ],
};

/// What refusals mean.
pub const ERRORS: Section = Section {
    place: "[errors] and [streams.NAME.errors]",
    about: "Where a refusal says what it is, and what it means. Without any of it statuses mean what they usually do: 401 a refused \
            credential, 403 forbidden, 404 and 410 gone, 409 a duplicate, 400 and 422 a wrong format, 429 and a 503 with Retry-After later, 5xx not \
            available, or for a write: unknown. A stream's own table goes first.",
    keys: &[
        (
            "code",
            "pointers to the code, the first that is there counts: [\"/errors/0/code\", \"/code\"]; a step * is whatever comes first: /details/*/0/error",
        ),
        ("message", "pointers to the system's own words"),
        ("field", "pointers to the field at fault; a table or list there: its first key or text"),
        ("field-prefix", "put before that field, to make it a path of the record: properties."),
        (
            "refused",
            "a success that is none: `{ at = \"/ok\", is = [\"false\"] }`; without `is`, whatever is there and not null, false or empty",
        ),
        (
            "wait",
            "where the time to wait is told, besides Retry-After: `{ header = \"X-RateLimit-Reset\", unit = \"epoch-seconds\" }`",
        ),
        ("rules", "what answers mean, the first that fits counts; tables [[errors.rules]]"),
    ],
};

/// A refusal inside of a success.
pub const REFUSED: Section = Section {
    place: "refused = { … }",
    about: "A refusal that comes with a status of success.",
    keys: &[("at", "pointer into the answer"), ("is", "texts that mean a refusal")],
};

/// Where the time to wait is told.
pub const WAIT: Section = Section {
    place: "wait = { … }",
    about: "Where an answer tells how long to wait.",
    keys: &[
        ("header", "name of the header"),
        ("at", "or pointer into the body"),
        ("unit", "seconds (default), milliseconds, epoch-seconds or epoch-milliseconds"),
    ],
};

/// A rule about errors.
pub const RULE: Section = Section {
    place: "[[errors.rules]]",
    about: "All that a rule names must fit.",
    keys: &[
        ("status", "statuses: 422, [400, 422] or \"4xx\""),
        ("code", "codes, exactly"),
        ("contains", "a part of the words or of the whole body, in any case"),
        ("on", "read or write; default: both"),
        (
            "means",
            "a refusal for good: required, format, length, duplicate, reference, read-only, forbidden, other; or the hub's next move: \
             retry-after, unavailable, unauthorized, misconfigured, checkpoint-expired, gone, conflict, unknown",
        ),
        ("wait-s", "with retry-after: seconds, where the answer does not say"),
    ],
};

/// A stream.
pub const STREAM: Section = Section {
    place: "[streams.NAME]",
    about: "One kind of thing. Places in an answer are JSON pointers (/data/items); paths in a record have dots, as in mappings \
            (properties.email).",
    keys: &[
        ("label", "what it is called"),
        ("id", "path of the id in a record; default: id"),
        ("modified", "path of the time of the last change"),
        ("modified-format", "how that time is written, see `format` of [streams.NAME.since]; default: rfc3339"),
        ("version", "path of a version, for conditional writes"),
        ("deleted", "what marks a record as deleted: `{ path = \"active\", is = [\"false\"] }`"),
        ("merged-into", "path of the id of the record that this one was merged into"),
        ("read-lag-ms", "how long a write may stay unseen by lists, in milliseconds"),
        ("fields", "its fields"),
        ("read", "the list"),
        ("page", "how the list goes on"),
        ("since", "how it is asked for what changed"),
        ("get", "one thing"),
        ("find", "things by a field; tables [streams.NAME.find.\"PATH\"]"),
        ("create", "makes one"),
        ("update", "changes one"),
        ("delete", "takes one away"),
        ("errors", "as [errors], for this stream"),
    ],
};

/// A mark of deletion.
pub const DELETED: Section = Section {
    place: "deleted = { … }",
    about: "What marks a record as deleted.",
    keys: &[
        ("path", "path in the record"),
        ("is", "texts that mean deleted; without it, whatever is there and not null, false or empty"),
    ],
};

/// A field.
pub const FIELD: Section = Section {
    place: "[streams.NAME.fields]",
    about: "Path = type, or path = a table of these. The id and the time of the last change are known without a line.",
    keys: &[
        ("type", "text, integer, decimal, boolean, date, timestamp, email, phone, url, enum, reference, list, object or json"),
        ("label", "what it is called"),
        ("required", "without it a create is refused"),
        ("read-only", "the system makes it; it is never sent"),
        ("unique", "no two things share a value"),
        ("max-length", "longest text, in characters"),
        ("values", "what an enum may be"),
        ("target", "stream that a reference points into"),
        ("custom", "made by the customer"),
        ("number", "sent as a number, where it is an id of digits"),
    ],
};

/// The list.
pub const READ: Section = Section {
    place: "[streams.NAME.read]",
    about: "The list of all. A POST here is asked for as one that only reads.",
    keys: &[
        REQUEST[0],
        REQUEST[1],
        REQUEST[2],
        REQUEST[3],
        REQUEST[4],
        REQUEST[5],
        ("records", "pointer to the list in the answer: /data; empty: the answer is the list"),
        ("record", "pointer within an element to the record, where it is wrapped"),
        (
            "may-be-missing",
            "an answer without that list has none; otherwise it is an error, since a typing mistake would look like an empty system",
        ),
    ],
};

/// How a list goes on.
pub const PAGE: Section = Section {
    place: "[streams.NAME.page]",
    about: "How the list goes on. A parameter is a name in the address; one that begins with / is a place in the body, `header:NAME` a header.",
    keys: &[
        (
            "style",
            "none, page, offset, cursor, header-cursor, link, next-url or keyset. Without this section an answer that shows that the list goes on is an error; style = \"none\" without a size says that one answer has all whatever it shows",
        ),
        ("parameter", "carries the page's number, the offset, the cursor, the last id"),
        ("size", "rows of a page; less where the hub wants less"),
        ("size-parameter", "carries that"),
        ("first", "number of the first page; default 1"),
        ("cursor", "style cursor: pointer to the next one. Style header-cursor: name of the header"),
        ("next", "style next-url: pointer to the next address, whole or from / on; it must lie under the endpoint"),
        (
            "strip",
            "style next-url and link: taken off the front of an address without a host: /api/v2, where the base ends in that",
        ),
        ("field", "style keyset: path of the field that goes on; default: the id"),
        ("more", "pointer to what says whether more follows"),
        (
            "total",
            "pointer to the number of all rows: the list ends there, and one whose number changed on the way is not called complete",
        ),
        ("overlap", "style offset: rows that each page shows again, for rows that move while others go"),
        ("stable", "styles page and offset: rows never move, so that a list of several pages is complete without `total`"),
    ],
};

/// How a list is asked for what changed.
pub const SINCE: Section = Section {
    place: "[streams.NAME.since]",
    about: "How the list is asked for what changed. Without it all is read each time, and the hub compares.",
    keys: &[
        ("parameter", "carries the time: a name in the address, a place in the body (/filter/since) or header:If-Modified-Since"),
        ("value", "what it carries; default: {since}"),
        (
            "format",
            "rfc3339, rfc3339-ms, local (without an offset, UTC), sql, date, http-date, unix, unix-ms or dotnet (/Date(0)/)",
        ),
        ("overlap-s", "seconds before the newest change that are read again; default 60"),
        (
            "ascending",
            "rows come oldest change first (say so in the query): each page begins at the time of the last row, so none is skipped that moves",
        ),
        ("query", "more parameters, of these questions only"),
    ],
};

/// One thing.
pub const GET: Section = Section {
    place: "[streams.NAME.get]",
    about: "One thing by its {id}. 404 and 410 prove that it is gone; 403 says nothing.",
    keys: &[
        REQUEST[0],
        REQUEST[1],
        REQUEST[2],
        REQUEST[3],
        REQUEST[4],
        REQUEST[5],
        ("record", "pointer to it in the answer: /user, /Contacts/0; empty: the answer is it"),
        ("etag", "the ETag header is its version, for conditional writes"),
    ],
};

/// Things by a field.
pub const FIND: Section = Section {
    place: "[streams.NAME.find.\"PATH\"]",
    about: "Things whose field at PATH is {value}. What is found is compared, so a search may find more.",
    keys: &[
        REQUEST[0],
        REQUEST[1],
        REQUEST[2],
        REQUEST[3],
        REQUEST[4],
        REQUEST[5],
        ("records", "pointer to the list in the answer; default: that of the stream's list"),
        ("record", "pointer within an element to the record; default: that of the stream's list"),
        ("any-case", "the system does not tell large letters from small ones here"),
    ],
};

/// What all writes have.
const WRITE: [(&str, &str); 8] = [
    ("put-at", "pointer to where the thing stands in the body: /user, /Contacts/0; empty: the body is it"),
    ("add", "constants put into the thing"),
    ("id-at", "path in the thing that the id is put at, where it does not stand in the path"),
    ("returns", "pointer to the whole thing in the answer; without it, it is read back"),
    ("idempotency-header", "header by which the system knows a repetition; it carries the delivery's id"),
    (
        "item-refused",
        "pointer, from the thing in a success, to what says that it was refused; its `code`, `message` and `field` are looked for there too",
    ),
    ("batch", "things in one request; `put-at` then names the list, and `returns` the list of answers in the same order"),
    ("send-nulls", "fields that are null are sent; default: not in a create, in an update yes"),
];

/// Makes one.
pub const CREATE: Section = Section {
    place: "[streams.NAME.create]",
    about: "Makes one; default POST.",
    keys: &[
        REQUEST[0],
        REQUEST[1],
        REQUEST[2],
        REQUEST[3],
        REQUEST[4],
        REQUEST[5],
        WRITE[0],
        WRITE[1],
        WRITE[3],
        WRITE[4],
        WRITE[5],
        WRITE[6],
        WRITE[7],
        ("new-id", "pointer to the new id, where the answer does not hold the thing; or header:Location, whose last step it is"),
        ("upsert-by", "paths by which the system knows a thing again, so that a create may be repeated: [\"external_id\"]"),
    ],
};

/// Changes one.
pub const UPDATE: Section = Section {
    place: "[streams.NAME.update]",
    about: "Changes one by its {id}; default PATCH.",
    keys: &[
        REQUEST[0],
        REQUEST[1],
        REQUEST[2],
        REQUEST[3],
        REQUEST[4],
        REQUEST[5],
        WRITE[0],
        WRITE[1],
        WRITE[2],
        WRITE[3],
        WRITE[4],
        WRITE[5],
        WRITE[6],
        WRITE[7],
        ("send", "changed (only what differs) or all; default: all with PUT, else changed"),
        (
            "if-match",
            "carries the version that the change was made from: header:If-Match, or a place in the body; 412 is then a conflict",
        ),
    ],
};

/// Takes one away.
pub const DELETE: Section = Section {
    place: "[streams.NAME.delete]",
    about: "Takes one away by its {id}; default DELETE.",
    keys: &[REQUEST[0], REQUEST[1], REQUEST[2], REQUEST[3], REQUEST[4], REQUEST[5], ("if-match", "as in [streams.NAME.update]")],
};

/// All of them, in the order of the reference.
pub const ALL: [Section; 20] = [
    TOP, SETTING, ENDPOINT, CREDENTIAL, COMMON, CHECK, ERRORS, RULE, REFUSED, WAIT, STREAM, DELETED, FIELD, READ, PAGE, SINCE,
    GET, FIND, CREATE, UPDATE,
];

/// The reference as Markdown.
pub fn reference() -> String {
    let sections = ALL.iter().chain([&DELETE]);
    let section = |section: &Section| {
        let rows: String =
            section.keys.iter().map(|(key, what)| format!("| `{key}` | {} |\n", what.replace('|', "\\|"))).collect();
        format!("### {}\n\n{}\n\n| Key | Meaning |\n| --- | --- |\n{rows}\n", section.place, section.about)
    };
    sections.map(section).collect::<String>().trim_end().to_owned() + "\n"
}
