//! Tickets in a real Request Tracker, written by the hub from an export: what it refuses in its several ways is set aside in its own
//! words and goes through when it was put right, what people do there is kept, and a deleted ticket does not come back.

use nave_tests::project::Project;
use serde_json::{Value, json};

use super::folder::Folder;
use super::hub::{self, settle_with};
use super::real::text;
use super::tracker::Tracker;

const IN: &str = r#"
connection = "old"
stream = "contacts"
entity = "ticket"
steward = "ops"

[flow.in]
freshness = "1h"

[[field]]
remote = "Subject"
canonical = "subject"
direction = "in"

[[field]]
remote = "Status"
canonical = "status"
direction = "in"

[[field]]
remote = "Queue"
canonical = "channel"
direction = "in"
"#;

const OUT: &str = r#"
connection = "desk"
stream = "tickets"
entity = "ticket"
steward = "ops"
natural-key = "Subject"

[flow.in]
freshness = "1h"

[flow.out]
freshness = "1h"

[[field]]
remote = "Subject"
canonical = "subject"
direction = "both"
because = "agents correct what was typed"

[[field]]
remote = "Status"
canonical = "status"
direction = "both"
because = "agents work on it; the export tells what was decided elsewhere"

[[field]]
remote = "Queue"
canonical = "channel"
direction = "both"
because = "agents pass tickets on"
"#;

struct Desk {
    project: Project,
    tracker: Tracker,
    old: Folder,
}

impl Desk {
    /// Syncs once, whatever comes of it.
    fn sync(&self) {
        let output = self.project.command(&["sync"]).output().expect("nave runs");
        assert!(matches!(output.status.code(), Some(0 | 1 | 4)), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// A sync sets one thing aside, in these words.
    #[track_caller]
    fn refused(&self, words: &str) {
        self.sync();
        let letters = self.project.json(&["dlq", "list"]);
        assert!(letters.to_string().contains(words), "{words}: {letters:#}");
    }

    /// The tracker has exactly these tickets: subject, status, queue.
    #[track_caller]
    fn hold(&self, expected: &[(&str, &str, &str)]) {
        settle_with(&self.project, &["--retry"]);
        let mut there = self.tickets();
        there.sort();
        let mut expected: Vec<[String; 3]> =
            expected.iter().map(|(subject, status, queue)| [subject, status, queue].map(|text| (*text).to_owned())).collect();
        expected.sort();
        assert_eq!(there, expected, "tickets in Request Tracker");
        assert_eq!(hub::status(&self.project).dead_letters, 0);
    }

    fn tickets(&self) -> Vec<[String; 3]> {
        let items = self.items();
        let seen = |ticket: &Value| [text(&ticket["Subject"]), text(&ticket["Status"]), text(&ticket["Queue"]["Name"])];
        items.iter().map(seen).collect()
    }

    fn items(&self) -> Vec<Value> {
        let query = "query=id%3E0&fields=Subject,Status,Queue&fields%5BQueue%5D=Name&per_page=100&orderby=id";
        let all = self.tracker.api.call("GET", &format!("/tickets?{query}"), None);
        all["items"].as_array().cloned().unwrap_or_default()
    }

    /// Where the one ticket with this subject is.
    #[track_caller]
    fn ticket(&self, subject: &str) -> String {
        let found: Vec<Value> = self.items().into_iter().filter(|ticket| ticket["Subject"] == subject).collect();
        assert_eq!(found.len(), 1, "tickets about {subject:?}: {found:#?}");
        format!("/ticket/{}", text(&found[0]["id"]))
    }
}

#[test]
fn tickets() {
    let Some(tracker) = Tracker::open() else { return };
    let project = Project::init();
    let drop = project.dir().parent().expect("a folder").join("drop");
    let old = Folder::new(&drop, "Id,Subject,Status,Queue");
    hub::connect_tracker(&project, &tracker, tracker.api.addr);
    for starter in ["users", "transactions"] {
        std::fs::remove_file(project.dir().join(format!("mappings/desk-{starter}.toml"))).expect("it was written");
    }
    project.install("files");
    project.connect_drop("old", &drop);
    project.write("mappings/old-tickets.toml", IN);
    project.write("mappings/desk-tickets.toml", OUT);
    project.ok(&["mapping", "lint"]);
    let mut desk = Desk { project, tracker, old };

    desk.old.put("1,Wheel broken,new,General");
    desk.old.put("2,It's a \\key\\ lost,new,General");
    desk.project.agree();
    desk.hold(&[("Wheel broken", "new", "General"), ("It's a \\key\\ lost", "new", "General")]);

    // An agent takes one up, the export knows more of the other.
    let wheel = desk.ticket("Wheel broken");
    desk.tracker.api.call("PUT", &wheel, Some(&json!({ "Status": "open", "Subject": "Front wheel broken" })));
    desk.old.put("2,It's a \\key\\ lost,stalled,General");
    desk.hold(&[("Front wheel broken", "open", "General"), ("It's a \\key\\ lost", "stalled", "General")]);

    // A success that is a refusal.
    desk.old.put("2,It's a \\key\\ lost,nonsense,General");
    desk.refused("Status 'nonsense' isn't a valid status for this ticket");
    desk.old.put("2,It's a \\key\\ lost,resolved,General");
    desk.hold(&[("Front wheel broken", "open", "General"), ("It's a \\key\\ lost", "resolved", "General")]);

    // A queue that is not there answers as one that is closed to us.
    desk.old.put("3,Bell,new,Nope");
    desk.refused("No permission to create tickets in the queue 'Nope'");
    desk.old.put("3,Bell,new,General");
    desk.hold(&[
        ("Front wheel broken", "open", "General"),
        ("It's a \\key\\ lost", "resolved", "General"),
        ("Bell", "new", "General"),
    ]);

    // What would be cut at 200 characters is not sent.
    let long = "x".repeat(201);
    desk.old.put(&format!("3,{long},new,General"));
    desk.refused("the subject has 201 characters; Request Tracker cuts it at 200");
    assert!(desk.tickets().iter().any(|ticket| ticket[0] == "Bell"), "{:?}", desk.tickets());
    desk.old.put("3,Bell,open,General");
    desk.hold(&[
        ("Front wheel broken", "open", "General"),
        ("It's a \\key\\ lost", "resolved", "General"),
        ("Bell", "open", "General"),
    ]);

    // Deleted there: it vanishes from searches, still answers, and does not come back.
    desk.tracker.api.call("DELETE", &wheel, None);
    settle_with(&desk.project, &["--retry"]);
    desk.old.put("1,Wheel broken,stalled,General");
    desk.hold(&[("It's a \\key\\ lost", "resolved", "General"), ("Bell", "open", "General")]);
    hub::nothing_to_write(&desk.project);
}
