//! One owner, several who follow: a price is the accounting's, and what somebody types elsewhere is put back. Invariants attacked: I4, I7.

use nave_core::Value;

use super::bench::{Bench, Kind};
use super::policies::{check_quiet, only_record};
use super::system::System;

on_both_stores!(a_price_goes_from_its_owner_to_all_and_an_edit_elsewhere_is_put_back, each_field_has_its_own_owner);

const PRODUCT: &str = "steward = \"finance\"\n[fields.price]\nsurvivorship = { owner = \"books\" }\nbecause = \"Finance sets prices\"\n\
    [fields.description]\nsurvivorship = { owner = \"crm\" }\nbecause = \"Sales says what it is good for\"\n";
const SYSTEMS: [&str; 3] = ["books", "crm", "mail"];

fn mapping(system: &str) -> (String, String) {
    let text = format!(
        "connection = \"{system}\"\nstream = \"products\"\nentity = \"product\"\n\n\
         [flow.in]\nfreshness = \"1h\"\n[flow.out]\nfreshness = \"5m\"\n\
         [[field]]\nremote = \"sku\"\ncanonical = \"number\"\ndirection = \"both\"\nbecause = \"the article number\"\n\
         [[field]]\nremote = \"text\"\ncanonical = \"description\"\ndirection = \"both\"\nbecause = \"people read it everywhere\"\n\
         [[field]]\nremote = \"price\"\ncanonical = \"price\"\ndirection = \"both\"\nin = \"money(EUR)\"\n{}\
         because = \"offers and newsletters name it\"\n",
        // One spells the way out itself: a part of a field is of that field.
        if system == "crm" { "out = \"price.amount\"\n" } else { "" }
    );
    (format!("mappings/{system}-products.toml"), text)
}

async fn bench(kind: Kind) -> Bench {
    let mut files = SYSTEMS.map(mapping).to_vec();
    files.push(("entities/product.toml".to_owned(), PRODUCT.to_owned()));
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let bench = Bench::new(kind, SYSTEMS.map(|name| System::new(name, &["products"])).into(), &files);
    bench.approve_all().await;
    bench.system("books").create("products", r#"{"sku":"A-1","text":"a wheel","price":"9.5"}"#);
    bench.quiet().await;
    bench
}

fn all(bench: &Bench, path: &str) -> [String; 3] {
    SYSTEMS.map(|name| bench.system(name).at("products", &bench.system(name).only_id("products"), path))
}

fn set(bench: &Bench, system: &str, path: &str, text: &str) {
    let system = bench.system(system);
    system.edit("products", &system.only_id("products"), |body| body.put(path, Value::text(text)));
}

async fn a_price_goes_from_its_owner_to_all_and_an_edit_elsewhere_is_put_back(kind: Kind) {
    let bench = bench(kind).await;
    assert_eq!(all(&bench, "price"), ["9.5"; 3]);
    set(&bench, "books", "price", "12");
    bench.quiet().await;
    assert_eq!(all(&bench, "price"), ["12"; 3], "both who follow have it");
    // Marketing types another one, later: it does not own it.
    let before = (bench.system("books").writes(), bench.system("crm").writes());
    set(&bench, "mail", "price", "1");
    bench.quiet().await;
    assert_eq!(all(&bench, "price"), ["12"; 3], "it is put back");
    assert_eq!((bench.system("books").writes(), bench.system("crm").writes()), before, "nobody else heard of it");
    check_quiet(&bench).await;
}

async fn each_field_has_its_own_owner(kind: Kind) {
    let bench = bench(kind).await;
    set(&bench, "crm", "text", "a round wheel");
    set(&bench, "books", "price", "11");
    bench.quiet().await;
    set(&bench, "books", "text", "wheel, large");
    set(&bench, "crm", "price", "0.5");
    bench.quiet().await;
    assert_eq!(all(&bench, "text"), ["a round wheel"; 3]);
    assert_eq!(all(&bench, "price"), ["11"; 3]);
    assert_eq!(only_record(&bench).value("description").map(Value::display).as_deref(), Some("a round wheel"));
    check_quiet(&bench).await;
}
