//! S4.7: a product's price is the accounting's. A new one goes to the CRM and to the mailing system; what somebody types there is
//! put back, noted, and nobody else hears of it.

use nave_sim::{ObjectSchema, Property, PropertyType, SimConfig};
use nave_tests::project::Project;
use nave_tests::systems::{Crm, System as _};
use serde_json::{Value, json};

const SYSTEMS: [&str; 3] = ["books", "crm", "mail"];

const PRODUCT: &str = "steward = \"finance\"\n[fields.price]\nsurvivorship = { owner = \"books\" }\nbecause = \"Finance sets prices\"\n\
    [fields.name]\nsurvivorship = { owner = \"crm\" }\nbecause = \"Sales says what it is called\"\n";

struct Three {
    project: Project,
    all: Vec<Crm>,
}

/// Products as an administrator would set them up, with a marker of the hub's.
fn schema() -> ObjectSchema {
    let mut sku = Property::new("hs_sku", "Article number", PropertyType::String);
    sku.unique = true;
    let mut marker = Property::new("nave_id", "Nave", PropertyType::String);
    marker.unique = true;
    let name = Property::new("name", "Name", PropertyType::String);
    let price = Property::new("price", "Unit price", PropertyType::Number);
    ObjectSchema::new("products", "product", "0-7", "hs_lastmodifieddate", vec![name, sku, price, marker])
}

fn mapping(system: &str) -> String {
    format!(
        "connection = \"{system}\"\nstream = \"products\"\nentity = \"product\"\nsteward = \"finance\"\nmarker = \"properties.nave_id\"\n\n\
         [flow.in]\nfreshness = \"1h\"\n[flow.out]\nfreshness = \"5m\"\n\
         [[field]]\nremote = \"properties.hs_sku\"\ncanonical = \"number\"\ndirection = \"both\"\nbecause = \"the article number\"\n\
         [[field]]\nremote = \"properties.name\"\ncanonical = \"name\"\ndirection = \"both\"\nbecause = \"people read it everywhere\"\n\
         [[field]]\nremote = \"properties.price\"\ncanonical = \"price\"\ndirection = \"both\"\nin = \"null_if('') | money(EUR)\"\n\
         out = \"price.amount | text\"\nbecause = \"offers and newsletters name it\"\n"
    )
}

impl Three {
    fn start() -> Self {
        let project = Project::init();
        project.install("hubspot");
        let all: Vec<Crm> = SYSTEMS.iter().map(|name| Crm::with(name, SimConfig::new(8), schema())).collect();
        for one in &all {
            let sim = one.sim().expect("a simulator");
            let settings = [("url", sim.running.base_url()), ("objects", "[\"products\"]".to_owned())];
            project.connect("hubspot", one.name(), &settings, Some(&sim.running.credential.token));
            project.write(&format!("mappings/{}-products.toml", one.name()), &mapping(one.name()));
        }
        project.write("entities/product.toml", PRODUCT);
        project.agree();
        Self { project, all }
    }

    fn call(&self, system: &str, method: &str, rest: &str, body: Option<Value>) -> Value {
        let one = self.all.iter().find(|one| one.name() == system).expect("a system");
        one.sim().expect("a simulator").call(method, &format!("/crm/v3/objects/products{rest}"), body).json()
    }

    /// The only product of a system: its id and price.
    #[track_caller]
    fn product(&self, system: &str) -> (String, String) {
        let all = self.call(system, "GET", "?properties=price", None)["results"].as_array().cloned().unwrap_or_default();
        assert_eq!(all.len(), 1, "products of {system}: {all:?}");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (text(&all[0]["id"]), text(&all[0]["properties"]["price"]))
    }

    fn prices(&self) -> [String; 3] {
        SYSTEMS.map(|system| self.product(system).1)
    }

    fn set(&self, system: &str, price: &str) {
        let (id, _) = self.product(system);
        self.call(system, "PATCH", &format!("/{id}"), Some(json!({ "properties": { "price": price } })));
    }

    /// Syncs until nothing is written. Answers the flows that wrote.
    #[track_caller]
    fn settle(&self) -> Vec<String> {
        let mut wrote = Vec::new();
        for _ in 0..6 {
            let runs = self.project.sync(&[]);
            let own: Vec<String> = runs
                .iter()
                .filter(|run| run["delivered"].as_u64().unwrap_or(0) > 0)
                .map(|run| run["flow"].as_str().unwrap_or_default().to_owned())
                .collect();
            if own.is_empty() {
                wrote.sort();
                return wrote;
            }
            wrote.extend(own);
        }
        panic!("still writing after six syncs: {wrote:?}");
    }
}

#[test]
fn a_price_comes_from_the_books_and_an_edit_elsewhere_is_put_back() {
    let three = Three::start();
    let wheel = json!({ "properties": { "hs_sku": "A-1", "name": "Wheel", "price": "9.5" } });
    three.call("books", "POST", "", Some(wheel));
    assert_eq!(three.settle(), ["crm-products", "mail-products"]);
    assert_eq!(three.prices(), ["9.5"; 3]);
    three.set("books", "12");
    assert_eq!(three.settle(), ["crm-products", "mail-products"]);
    assert_eq!(three.prices(), ["12"; 3], "the CRM and the mailing system get it");
    // Somebody in marketing types another one.
    three.set("mail", "1");
    assert_eq!(three.settle(), ["mail-products"], "nobody else hears of it");
    assert_eq!(three.prices(), ["12"; 3], "it is put back");
    let why = three.project.json(&["record", "why", "product/1", "price"])["fields"][0].clone();
    let sentence = why["sentence"].as_str().expect("a sentence");
    assert!(
        sentence.contains("books owns this field") && sentence.contains("over mail (amount: 1; currency: EUR, "),
        "{sentence}"
    );
    let history = three.project.json(&["record", "history", "product/1"]).to_string();
    assert!(history.contains("rejected") && history.contains("mail"), "{history}");
}
