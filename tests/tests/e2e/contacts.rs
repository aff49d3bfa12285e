//! The world that most tests use: a CRM and books that are read and written, and an old system's CSV drop that is only read.

use nave_sim::SimConfig;
use nave_tests::model::{OnDelete, Rule};
use nave_tests::project::Project;
use nave_tests::shapes::{Field, Kind, Part, Shape};
use nave_tests::systems::{Books, Clock, Crm, Drop, System};
use nave_tests::world::World;

const CRM: usize = 0;
const BOOKS: usize = 1;
const DROP: usize = 2;

const COLUMNS: [&str; 7] = ["FirstName", "LastName", "Email", "JobTitle", "Number", "City", "Language"];

/// Every contact's `Name` is unique in the books: the mailbox is what they are called by there.
const BOOKS_NAME: &str = "\n[[field]]\nremote = \"Name\"\ncanonical = \"email\"\ndirection = \"out\"\n";

fn field(name: &str, kind: Kind, rule: Rule, needed: bool, there: &[(usize, &str)]) -> Field {
    let there = there.iter().map(|(spoke, own)| (*spoke, (*own).to_owned())).collect();
    Field { name: name.to_owned(), kind, rule, needed, there }
}

fn part(name: &str, written: bool, on_delete: OnDelete) -> Part {
    Part {
        name: name.to_owned(),
        stream: "contacts".to_owned(),
        written,
        on_delete,
        keys: String::new(),
        tables: String::new(),
        copies: Vec::new(),
    }
}

/// Contacts, every rule once.
pub(crate) fn shape() -> Shape {
    Shape {
        entity: "contact".to_owned(),
        own: false,
        parts: vec![
            Part { keys: "marker = \"properties.nave_id\"\n".to_owned(), ..part("crm", true, OnDelete::Ask) },
            Part {
                keys: "duplicates = \"review\"\n".to_owned(),
                tables: BOOKS_NAME.to_owned(),
                copies: vec![("Name".to_owned(), "EmailAddress".to_owned())],
                ..part("books", true, OnDelete::Detach)
            },
            part("drop", false, OnDelete::Ignore),
        ],
        fields: vec![
            field(
                "first_name",
                Kind::Text,
                Rule::Newest,
                false,
                &[(CRM, "firstname"), (BOOKS, "FirstName"), (DROP, "FirstName")],
            ),
            field("last_name", Kind::Text, Rule::Newest, true, &[(CRM, "lastname"), (BOOKS, "LastName"), (DROP, "LastName")]),
            field("email", Kind::Email, Rule::Newest, true, &[(CRM, "email"), (BOOKS, "EmailAddress"), (DROP, "Email")]),
            field("job_title", Kind::Text, Rule::Owner(CRM), false, &[(CRM, "jobtitle"), (DROP, "JobTitle")]),
            field(
                "number",
                Kind::Code,
                Rule::Priority(vec![BOOKS, DROP]),
                false,
                &[(CRM, "fax"), (BOOKS, "AccountNumber"), (DROP, "Number")],
            ),
            field("address.city", Kind::Text, Rule::Longest, false, &[(CRM, "city"), (DROP, "City")]),
            field("language", Kind::Text, Rule::NonEmpty, false, &[(CRM, "hs_language"), (DROP, "Language")]),
        ],
        key: "email".to_owned(),
        seconds: vec!["last_name".to_owned()],
    }
}

/// Empty simulators of a seed, connected.
pub(crate) fn world(seed: u64) -> World {
    let clock = Clock::default();
    let config = || {
        let clock = clock.clone();
        SimConfig { clock: std::sync::Arc::new(move || clock.now()), ..SimConfig::new(seed) }
    };
    world_on(seed, config, clock.clone())
}

/// The same by the clock on the wall, which a hub that serves goes by.
pub(crate) fn world_now(seed: u64) -> World {
    world_on(seed, || SimConfig::new(seed), Clock::default())
}

fn world_on(seed: u64, config: impl Fn() -> SimConfig, clock: Clock) -> World {
    let project = Project::init();
    let (crm, books) = (Crm::start("crm", config()), Books::start("books", config()));
    let folder = project.dir().parent().expect("a folder").join("exports");
    let drop = Drop::start("drop", folder.clone(), &COLUMNS, clock);
    for plugin in ["hubspot", "xero", "files"] {
        project.install(plugin);
    }
    connect_crm(&project, &crm);
    connect_books(&project, &books);
    project.connect_drop("drop", &folder);
    World::new(project, vec![Box::new(crm), Box::new(books), Box::new(drop)], shape(), seed)
}

/// Connects a CRM through the plugin `hubspot`.
pub(crate) fn connect_crm(project: &Project, crm: &Crm) {
    let sim = crm.sim().expect("a simulator");
    project.connect("hubspot", crm.name(), &[("url", sim.running.base_url())], Some(&sim.running.credential.token));
}

/// Connects books through the plugin `xero`.
pub(crate) fn connect_books(project: &Project, books: &Books) {
    let sim = books.sim().expect("a simulator");
    let tenant = sim.running.credential.tenant_id.clone().expect("books have an organisation");
    let settings = [("url", format!("{}/api.xro/2.0", sim.running.base_url())), ("tenant", tenant)];
    project.connect("xero", books.name(), &settings, Some(&sim.running.credential.token));
}
