//! Consent between a CRM and a mailing list, through the mappings that their plugins bring: a refusal in one reaches the other, stands
//! against a newer grant there, and is lifted where it was said; what the hub wrote meanwhile is nobody's refusal.

use nave_sim::{SimConfig, System};
use nave_tests::project::Project;
use nave_tests::systems::Sim;
use serde_json::{Value, json};

use super::connected::{AUDIENCE, connect};

const MAILBOX: &str = "ada@consent.example";

struct Two {
    project: Project,
    crm: Sim,
    mail: Sim,
    /// Ada's id in the CRM.
    ada: String,
}

impl Two {
    fn start() -> Self {
        let (crm, mail) = (Sim::start(System::Crm, SimConfig::new(5)), Sim::start(System::Mail, SimConfig::new(5)));
        let project = Project::init();
        connect(&project, &[("crm", &crm), ("mail", &mail)]);
        for connection in ["crm", "mail"] {
            project.json(&["connection", "discover", connection, "--save"]);
        }
        project.ok(&["mapping", "lint"]);
        project.agree();
        let ada = json!({ "properties": { "firstname": "Ada", "lastname": "Lovelace", "email": MAILBOX } });
        let ada = crm.call("POST", "/crm/v3/objects/contacts", Some(ada)).json()["id"].as_str().expect("an id").to_owned();
        Self { project, crm, mail, ada }
    }

    /// Syncs until nothing is written any more.
    #[track_caller]
    fn settle(&self) {
        for _ in 0..6 {
            let runs = self.project.sync(&["--retry"]);
            if !runs.iter().any(|run| run["delivered"].as_u64().unwrap_or(0) > 0) {
                assert_eq!(self.project.json(&["status"])["dead_letters"], 0, "{}", self.project.json(&["dlq", "list"]));
                return;
            }
        }
        panic!("still writing after six syncs");
    }

    /// Somebody sets it in the CRM.
    fn opt_out(&self, out: bool) {
        let change = json!({ "properties": { "hs_email_optout": out.to_string() } });
        self.crm.call("PATCH", &format!("/crm/v3/objects/contacts/{}", self.ada), Some(change));
    }

    fn record(&self) -> String {
        format!("crm/contacts:{}", self.ada)
    }

    fn member(&self) -> String {
        format!("/3.0/lists/{AUDIENCE}/members/{MAILBOX}")
    }

    /// The member says it in the list.
    fn says(&self, status: &str) {
        self.mail.call("PATCH", &self.member(), Some(json!({ "status": status })));
    }

    /// What the record holds, and how the member stands in the list.
    #[track_caller]
    fn stands(&self) -> (String, String) {
        self.settle();
        let status = self.mail.call("GET", &self.member(), None).json()["status"].clone();
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (word(&self.why()["value"]), word(&status))
    }

    fn why(&self) -> Value {
        self.project.json(&["record", "why", &self.record(), "email_marketing"])["fields"][0].clone()
    }
}

fn holds(value: &str, status: &str) -> (String, String) {
    (value.to_owned(), status.to_owned())
}

#[test]
fn a_refusal_stands_until_it_is_taken_back_where_it_was_said() {
    let two = Two::start();
    two.settle();
    // Nobody has said anything: the list's own default for whom the hub made is no refusal.
    two.opt_out(false);
    assert_eq!(two.stands(), holds("granted", "subscribed"));

    // Refused in the CRM: she gets no mail, and being subscribed again in the list does not lift it.
    two.opt_out(true);
    assert_eq!(two.stands(), holds("refused", "unsubscribed"));
    two.says("subscribed");
    assert_eq!(two.stands(), holds("refused", "unsubscribed"));
    let why = two.why();
    let sentence = why["sentence"].as_str().expect("a sentence");
    assert!(sentence.starts_with("crm refused (refused) on ") && sentence.contains("until crm grants again"), "{sentence}");
    assert!(sentence.contains("over mail (granted, "), "{sentence}");
    assert_eq!(why["rule"], "consent");

    // Taken back there, everything is granted again: what the hub wrote into the list was not the list's word.
    two.opt_out(false);
    assert_eq!(two.stands(), holds("granted", "subscribed"));

    // She unsubscribes herself. A steward's grant does not lift that, and he is told.
    two.says("unsubscribed");
    assert_eq!(two.stands(), holds("refused", "unsubscribed"));
    let set = |value: &str| {
        let reason = format!("--reason=she rang: {value}");
        two.project.json(&["record", "set", &two.record(), "email_marketing", value, &reason])["message"]
            .as_str()
            .map(str::to_owned)
    };
    let told = set("granted").expect("a message");
    assert!(told.contains("holds refused now") && told.contains("mail/members:") && told.contains("refused on "), "{told}");
    two.says("subscribed");
    assert_eq!(two.stands(), holds("granted", "subscribed"));
    // His own refusal is lifted by his own grant alone.
    set("refused");
    let why = two.why();
    assert_eq!(why["because"], "she rang: refused", "{why}");
    two.says("subscribed");
    assert_eq!(two.stands(), holds("refused", "unsubscribed"));
    set("granted");
    assert_eq!(two.stands(), holds("granted", "subscribed"));
}
