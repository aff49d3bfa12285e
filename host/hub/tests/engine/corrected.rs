//! A value was corrected, and its old one still stands elsewhere: found, and put right where a person says so. Invariants
//! attacked: I4, I6, I7, I12, I14.

use std::collections::BTreeSet;

use nave_core::Value;
use nave_core::model::RecordId;
use nave_hub::engine::EngineError;
use nave_hub::engine::copies::{Can, Copies};
use nave_hub::engine::correct::{Became, Which};

use super::bench::{Bench, Kind};
use super::parts;
use super::system::{Fault, System};

on_both_stores!(
    every_copy_is_found_with_what_can_be_done,
    what_is_chosen_is_written_and_nothing_else,
    all_that_can_be_written_is,
    what_the_system_refuses_is_said,
    numbers_are_of_the_list_that_was_shown,
    an_old_value_that_no_history_knows_is_named,
    a_record_that_was_never_corrected_has_none,
    an_element_of_a_list_is_corrected_by_its_number,
    what_a_rollback_holds_is_a_persons,
    a_child_of_its_own_over_there_is_a_copy,
    a_paused_flow_says_so,
    what_no_mapping_reads_is_found_where_it_is_asked_for,
);

const OLD: &str = "DE123456789";
const NEW: &str = "DE987654321";

fn field(remote: &str, canonical: &str, direction: &str, more: &str) -> String {
    let because = if direction == "both" { "because = \"anywhere\"\n" } else { "" };
    format!("[[field]]\nremote = \"{remote}\"\ncanonical = \"{canonical}\"\ndirection = \"{direction}\"\n{because}{more}")
}

fn mapping(system: &str, stream: &str, entity: &str, both: bool, fields: &[String]) -> String {
    let out = if both { "[flow.out]\nfreshness = \"5m\"\n" } else { "" };
    let marker = if both { "marker = \"marker\"\n" } else { "" };
    format!(
        "connection = \"{system}\"\nstream = \"{stream}\"\nentity = \"{entity}\"\nsteward = \"ops\"\n{marker}\
         [flow.in]\nfreshness = \"1h\"\n{out}{}",
        fields.concat()
    )
}

const EMAILS: &str = r#"
[[list]]
remote = "mails"
canonical = "emails"
direction = "both"
id = "id"
because = "anywhere"
[[list.field]]
remote = "address"
canonical = "address"
direction = "both"
because = "as the list"
"#;

fn contacts(system: &str, tax: &str) -> String {
    let both = tax == "both";
    let direction = if both { "both" } else { "in" };
    let mut fields = vec![
        field("first", "first_name", direction, ""),
        field("last", "last_name", direction, ""),
        field("email", "email", direction, ""),
        field("vat", "tax_id", tax, ""),
    ];
    if both {
        fields.push(EMAILS.to_owned());
    }
    mapping(system, "contacts", "contact", both, &fields)
}

/// A CRM and the books, which hold the same contacts; a desk that is only read; invoices and tickets that refer to them.
async fn bench(kind: Kind) -> Bench {
    let refers = |direction: &str| field("contact", "contact", direction, "in = \"reference(contacts)\"\n");
    let invoices = mapping(
        "books",
        "invoices",
        "invoice",
        true,
        &[
            field("number", "number", "both", ""),
            field("customer_vat", "customer_tax", "both", ""),
            field("memo", "notes", "both", ""),
            refers("both"),
        ],
    );
    let tickets = mapping(
        "desk",
        "tickets",
        "ticket",
        false,
        &[field("subject", "subject", "in", ""), field("vat_note", "description", "in", ""), refers("in")],
    );
    let (crm, books, desk) = (contacts("crm", "both"), contacts("books", "both"), contacts("desk", "in"));
    let files = [
        ("entities/invoice.toml", "[fields.customer_tax]\ntype = \"text\"\nlabel = \"Tax number of the customer\"\n"),
        ("mappings/crm-contacts.toml", crm.as_str()),
        ("mappings/books-contacts.toml", books.as_str()),
        ("mappings/desk-contacts.toml", desk.as_str()),
        ("mappings/books-invoices.toml", invoices.as_str()),
        ("mappings/desk-tickets.toml", tickets.as_str()),
    ];
    let systems = vec![
        System::new("crm", &["contacts"]),
        System::new("books", &["contacts", "invoices"]),
        System::new("desk", &["contacts", "tickets"]),
    ];
    let bench = Bench::new(kind, systems, &files);
    bench.approve_all().await;
    bench
}

struct Ids {
    ada: RecordId,
    crm: String,
    books: String,
    invoice: String,
}

/// Ada, with a wrong tax number everywhere; then the CRM corrects it, and nothing has gone out yet.
async fn ada(kind: Kind) -> (Bench, Ids) {
    let bench = bench(kind).await;
    let body = format!(r#"{{"first":"Ada","last":"Lovelace","email":"ada@x.test","vat":"{OLD}"}}"#);
    let crm = bench.system("crm").create("contacts", &body);
    let desk = bench.system("desk").create("contacts", &body);
    bench.quiet().await;
    let books = bench.system("books").only_id("contacts");
    let invoice =
        format!(r#"{{"number":"R-1","customer_vat":"DE 123 456 789","memo":"Reverse charge, {OLD}","contact":"{books}"}}"#);
    let invoice = bench.system("books").create("invoices", &invoice);
    bench.system("books").create("invoices", r#"{"number":"R-2","customer_vat":"DE123456789"}"#);
    let ticket = format!(r#"{{"subject":"Wrong number","vat_note":"{OLD}","contact":"{desk}"}}"#);
    bench.system("desk").create("tickets", &ticket);
    bench.quiet().await;
    bench.system("crm").edit("contacts", &crm, |body| body.put("vat", Value::text(NEW)));
    bench.engine.run_in("crm-contacts", false).await.unwrap();
    let ada = bench.store.records_after(RecordId(0), 100).unwrap().into_iter().find(|row| row.entity == "contact").unwrap().id;
    (bench, Ids { ada, crm, books, invoice })
}

fn lines(copies: &Copies) -> Vec<(String, String)> {
    let word = |can: &Can| match can {
        Can::Write => "write".to_owned(),
        Can::Review(why) => format!("review: {why}"),
        Can::Cannot(why) => format!("cannot: {why}"),
    };
    let line = |copy: &nave_hub::engine::copies::Copy| {
        let key = copy.key.as_ref().unwrap();
        (format!("{}/{} {} {}", key.connection, key.stream, copy.path, copy.value.display()), word(&copy.can))
    };
    copies.copies.iter().map(line).collect()
}

fn refused<T: std::fmt::Debug>(answer: Result<T, EngineError>, with: &str) {
    let Err(EngineError::Refused(why) | EngineError::NotFound(why)) = answer else { panic!("{answer:?}") };
    assert!(why.contains(with), "{why}");
}

fn numbers(all: &[usize]) -> Which {
    Which::Numbers(all.iter().copied().collect::<BTreeSet<usize>>())
}

async fn every_copy_is_found_with_what_can_be_done(kind: Kind) {
    let (bench, ids) = ada(kind).await;
    let writes = bench.systems.values().map(System::writes).sum::<usize>();
    let copies = bench.engine.show_copies(ids.ada, "tax_id", None).await.unwrap();
    assert_eq!((copies.now.clone(), copies.old.clone()), (Some(Value::text(NEW)), vec![Value::text(OLD)]));
    let found = lines(&copies);
    let expected = [
        ("books/contacts vat DE123456789", "write"),
        ("desk/contacts vat DE123456789", "cannot: the hub reads desk"),
        ("books/invoices customer_vat DE 123 456 789", "write"),
        ("books/invoices memo Reverse charge, DE123456789", "review: the old value is a part"),
        ("desk/tickets vat_note DE123456789", "cannot: the hub reads desk"),
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for ((place, can), (expected_place, expected_can)) in found.iter().zip(expected) {
        assert_eq!(place, expected_place, "{found:#?}");
        assert!(can.starts_with(expected_can), "{place}: {can}");
    }
    assert_eq!((copies.documents, copies.left_out), (2, 0), "the invoice of nobody is nobody's");
    assert_eq!(bench.systems.values().map(System::writes).sum::<usize>(), writes, "a list writes nothing");
    assert_eq!(bench.system("books").at("invoices", &ids.invoice, "customer_vat"), "DE 123 456 789");
}

async fn what_is_chosen_is_written_and_nothing_else(kind: Kind) {
    let (bench, ids) = ada(kind).await;
    bench.engine.show_copies(ids.ada, "tax_id", None).await.unwrap();
    let done = bench.engine.correct(ids.ada, "tax_id", None, &numbers(&[3]), "ann", "typing error").await.unwrap();
    assert_eq!(
        done.became.iter().map(|became| *became == Became::Corrected).collect::<Vec<_>>(),
        [false, false, true, false, false]
    );
    assert_eq!(bench.system("books").at("invoices", &ids.invoice, "customer_vat"), NEW);
    assert_eq!(bench.system("books").at("invoices", &ids.invoice, "memo"), format!("Reverse charge, {OLD}"));
    assert_eq!(bench.system("books").at("contacts", &ids.books, "vat"), OLD, "it was not chosen; it goes with the next run");
    assert!(done.runs.iter().all(|run| run.counts.balances() && run.direction == "some"), "{:?}", done.runs);
    let audit = bench.store.audit(10).unwrap();
    let line = audit.iter().find(|line| line.action == "record.corrected").unwrap();
    assert_eq!((line.actor.as_str(), line.detail.contains("typing error")), ("ann", true), "{line:?}");
    assert!(!line.detail.contains(OLD) && !line.detail.contains(NEW), "a value is in the changelog, sealed; not in the audit");
    // The invoice's own history says who did it and why.
    let records = bench.store.records_after(RecordId(0), 100).unwrap();
    let of = |row: &&nave_core::model::Record| row.value("customer_tax") == Some(&Value::text(NEW));
    let invoice = records.iter().find(of).unwrap();
    let change = bench.store.record_changes(invoice.id, 1).unwrap().remove(0);
    assert_eq!(change.cause.person.as_deref(), Some("ann"));
    assert!(change.cause.rule.unwrap().contains("typing error"));
    // A later look at the books keeps it, and nothing moves any more.
    bench.quiet().await;
    bench.quiet().await;
    assert_eq!(bench.system("books").at("invoices", &ids.invoice, "customer_vat"), NEW);
    assert_eq!(bench.system("books").at("contacts", &ids.books, "vat"), NEW);
    let left = bench.engine.copies(ids.ada, "tax_id", None).await.unwrap();
    assert_eq!(left.copies.len(), 3, "{:#?}", lines(&left));
    assert!(left.copies.iter().all(|copy| copy.can != Can::Write));
}

async fn all_that_can_be_written_is(kind: Kind) {
    let (bench, ids) = ada(kind).await;
    let done = bench.engine.correct(ids.ada, "tax_id", None, &Which::All, "ann", "typing error").await.unwrap();
    assert_eq!(done.became.iter().filter(|became| **became == Became::Corrected).count(), 2);
    assert_eq!(bench.system("books").at("contacts", &ids.books, "vat"), NEW);
    assert_eq!(bench.system("books").at("invoices", &ids.invoice, "customer_vat"), NEW);
    let writes = bench.system("books").writes();
    let again = bench.engine.correct(ids.ada, "tax_id", None, &Which::All, "ann", "again").await.unwrap();
    assert!(again.runs.is_empty(), "{:?}", again.runs);
    assert_eq!(bench.system("books").writes(), writes);
}

async fn what_the_system_refuses_is_said(kind: Kind) {
    let (bench, ids) = ada(kind).await;
    bench.system("books").state.lock().unwrap().faults = vec![Fault::Refuse, Fault::Refuse];
    let done = bench.engine.correct(ids.ada, "tax_id", None, &Which::All, "ann", "typing error").await.unwrap();
    let still: Vec<&str> = done
        .became
        .iter()
        .filter_map(|became| match became {
            Became::Still(why) => Some(why.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(still.len(), 2, "{:?}", done.became);
    assert!(still.iter().all(|why| why.contains("nave dlq show")), "{still:?}");
    assert_eq!(bench.system("books").at("contacts", &ids.books, "vat"), OLD);
    assert!(done.runs.iter().all(|run| run.counts.balances()), "{:?}", done.runs);
}

async fn numbers_are_of_the_list_that_was_shown(kind: Kind) {
    let (bench, ids) = ada(kind).await;
    let apply = async |numbers_of: &[usize]| {
        bench.engine.correct(ids.ada, "tax_id", None, &numbers(numbers_of), "ann", "typing error").await
    };
    refused(apply(&[1]).await, "nobody was shown");
    bench.engine.show_copies(ids.ada, "tax_id", None).await.unwrap();
    refused(apply(&[9]).await, "there is no copy 9");
    refused(apply(&[0]).await, "there is no copy 0");
    refused(apply(&[1, 2]).await, "copy 2");
    // What was the first copy is none any more: the numbers mean other places now.
    bench.system("books").edit("contacts", &ids.books, |body| body.put("vat", Value::text("DE000000000")));
    bench.engine.run_in("books-contacts", false).await.unwrap();
    bench.system("crm").edit("contacts", &ids.crm, |body| body.put("vat", Value::text(NEW)));
    bench.system("crm").edit("contacts", &ids.crm, |body| body.put("vat", Value::text("DE555555555")));
    bench.engine.run_in("crm-contacts", false).await.unwrap();
    let now = bench.engine.copies(ids.ada, "tax_id", Some(OLD)).await.unwrap();
    assert_eq!(lines(&now)[0].0, "desk/contacts vat DE123456789");
    let answer = bench.engine.correct(ids.ada, "tax_id", Some(OLD), &numbers(&[3]), "ann", "typing error").await;
    refused(answer, "another one than was shown");
    assert_eq!(bench.system("books").at("invoices", &ids.invoice, "customer_vat"), "DE 123 456 789");
}

async fn an_old_value_that_no_history_knows_is_named(kind: Kind) {
    let (bench, ids) = ada(kind).await;
    let ticket = r#"{"subject":"Moved","vat_note":"FR40303265045","contact":""}"#;
    let ticket = ticket.replace("\"contact\":\"\"", &format!("\"contact\":\"{}\"", bench.system("desk").only_id("contacts")));
    bench.system("desk").create("tickets", &ticket);
    bench.engine.run_in("desk-tickets", false).await.unwrap();
    let copies = bench.engine.copies(ids.ada, "tax_id", Some("FR40303265045")).await.unwrap();
    assert_eq!(lines(&copies).len(), 1, "{:?}", lines(&copies));
    refused(bench.engine.copies(ids.ada, "tax_id", Some(NEW)).await, "holds now");
    refused(bench.engine.copies(ids.ada, "nosuch", None).await, "has no field `nosuch`");
    refused(bench.engine.copies(ids.ada, "emails", None).await, "is a list");
}

async fn a_record_that_was_never_corrected_has_none(kind: Kind) {
    let (bench, ids) = ada(kind).await;
    refused(bench.engine.copies(ids.ada, "first_name", None).await, "--from OLD_VALUE");
}

async fn an_element_of_a_list_is_corrected_by_its_number(kind: Kind) {
    let (bench, ids) = ada(kind).await;
    let mails = |address: &str| Value::from_json(&serde_json::json!([{ "id": "m1", "address": address }]));
    bench.system("crm").edit("contacts", &ids.crm, |body| body.put("mails", mails("ada@old.test")));
    bench.quiet().await;
    let record = bench.store.records(&[ids.ada]).unwrap().remove(0).unwrap();
    let (number, _) = record.elements("emails").next().unwrap();
    let invoice = format!(r#"{{"number":"R-3","memo":"ada@old.test","contact":"{}"}}"#, ids.books);
    let invoice = bench.system("books").create("invoices", &invoice);
    bench.quiet().await;
    bench.system("crm").edit("contacts", &ids.crm, |body| body.put("mails", mails("ada@new.test")));
    bench.engine.run_in("crm-contacts", false).await.unwrap();
    let record = bench.store.records(&[ids.ada]).unwrap().remove(0).unwrap();
    let elements: Vec<(u64, String)> = record.elements("emails").map(|(number, value)| (number, value.display())).collect();
    let copies = bench.engine.copies(ids.ada, &format!("emails/{number}"), None).await;
    let copies = copies.unwrap_or_else(|error| panic!("{error} {elements:?}"));
    let found = lines(&copies);
    assert!(found.iter().any(|(place, _)| place.starts_with("books/contacts mails[0].address")), "{found:?} {elements:?}");
    assert!(found.iter().any(|(place, _)| place.starts_with("books/invoices memo")), "{found:?}");
    bench.engine.correct(ids.ada, &format!("emails/{number}"), None, &Which::All, "ann", "moved").await.unwrap();
    assert_eq!(bench.system("books").at("invoices", &invoice, "memo"), "ada@new.test");
}

async fn what_a_rollback_holds_is_a_persons(kind: Kind) {
    let (bench, ids) = ada(kind).await;
    let run = bench.engine.run_out("books-contacts").await.unwrap();
    assert_eq!(bench.system("books").at("contacts", &ids.books, "vat"), NEW);
    bench.engine.plan_rollback(run.id).await.unwrap();
    bench.engine.rollback(run.id, "ann", "too early").await.unwrap();
    assert_eq!(bench.system("books").at("contacts", &ids.books, "vat"), OLD);
    let copies = bench.engine.show_copies(ids.ada, "tax_id", None).await.unwrap();
    let (place, can) = lines(&copies).remove(0);
    assert_eq!(place, "books/contacts vat DE123456789");
    assert!(can.starts_with("review: ") && can.contains("--release"), "{can}");
}

/// The ERP keeps each phone as a thing of its own: the number of one is corrected in the CRM.
async fn a_child_of_its_own_over_there_is_a_copy(kind: Kind) {
    let bench = parts::bench(kind);
    let crm = bench.system("crm").create("contacts", parts::ADA);
    parts::synced(&bench).await;
    let before = parts::erp_phones(&bench);
    assert!(before.iter().any(|phone| phone.contains("+4930111")), "{before:?}");
    bench.system("crm").edit("contacts", &crm, |body| {
        let mut phones = body.at("phones").unwrap().clone();
        let Value::List(all) = &mut phones else { panic!("{phones:?}") };
        all[0].put("value", Value::text("+4930999"));
        body.put("phones", phones);
    });
    bench.engine.run_in("crm-contacts", false).await.unwrap();
    let record = bench.store.records_after(RecordId(0), 10).unwrap().remove(0);
    let number = record.elements("phones").find(|(_, value)| value.display().contains("+4930999")).unwrap().0;
    let field = format!("phones/{number}");
    let copies = bench.engine.show_copies(record.id, &field, None).await.unwrap();
    let found = lines(&copies);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].0.starts_with("erp/contacts phones[") && found[0].0.ends_with("].value +4930111"), "{found:?}");
    assert_eq!(found[0].1, "write");
    let done = bench.engine.correct(record.id, &field, None, &numbers(&[1]), "ann", "a digit").await.unwrap();
    assert_eq!(done.became, [Became::Corrected]);
    let after = parts::erp_phones(&bench);
    assert_eq!((after.len(), after.iter().any(|phone| phone.contains("+4930111"))), (before.len(), false), "{after:?}");
    assert!(after.iter().any(|phone| phone.contains("+4930999")), "{after:?}");
}

async fn a_paused_flow_says_so(kind: Kind) {
    let (bench, ids) = ada(kind).await;
    bench
        .engine
        .write(Default::default(), |draft| {
            let mut flow = bench.store.flow("books-contacts")?;
            flow.paused = true;
            draft.batch.flows.push(("books-contacts".into(), flow));
            Ok(())
        })
        .await
        .unwrap();
    let copies = bench.engine.copies(ids.ada, "tax_id", None).await.unwrap();
    let (place, can) = lines(&copies).remove(0);
    assert_eq!(place, "books/contacts vat DE123456789");
    assert!(can.starts_with("cannot: ") && can.contains("nave resume books-contacts"), "{can}");
    let writes = bench.system("books").writes();
    let done = bench.engine.correct(ids.ada, "tax_id", None, &Which::All, "ann", "all that can be").await.unwrap();
    assert_eq!(done.became[0], Became::Left);
    assert_eq!(bench.system("books").at("contacts", &ids.books, "vat"), OLD);
    assert_eq!(bench.system("books").writes(), writes + 1, "the invoice alone");
}

/// The systems are asked; nothing of it is taken in, and what cannot be asked is said.
async fn what_no_mapping_reads_is_found_where_it_is_asked_for(kind: Kind) {
    let (bench, ids) = ada(kind).await;
    bench.system("crm").edit("contacts", &ids.crm, |body| {
        body.put("note", Value::text(format!("was {OLD} before")));
        body.put(
            "legal",
            nave_core::codec::decode(br#"{"numbers":[{"kind":"tax","value":"de 123 456 789"},{"value":"7"}]}"#).unwrap(),
        );
        body.put("mails", nave_core::codec::decode(br#"[{"id":"1","address":"ada@x.test","remark":"DE123456789"}]"#).unwrap());
        body.put("other", Value::text(NEW));
    });
    bench.system("books").edit("invoices", &ids.invoice, |body| body.put("footer", Value::text(OLD)));
    bench.system("desk").state.lock().unwrap().down = Some(nave_hub::spoke::SpokeError::Unavailable("down for repairs".into()));
    let copies = bench.engine.copies(ids.ada, "tax_id", None).await.unwrap();
    let before = (bench.store.heads().unwrap(), bench.systems.values().map(System::writes).sum::<usize>());
    let outside = bench.engine.unmapped_copies(ids.ada, &copies).await.unwrap();
    let found: Vec<String> = outside
        .found
        .iter()
        .map(|copy| {
            format!("{}/{} {} {} {:?}", copy.key.connection, copy.key.stream, copy.path, copy.value.display(), copy.likeness)
        })
        .collect();
    assert_eq!(
        found,
        [
            format!("books/invoices footer {OLD} Whole"),
            "crm/contacts legal.numbers[0].value de 123 456 789 Whole".to_owned(),
            format!("crm/contacts mails[0].remark {OLD} Whole"),
            format!("crm/contacts note was {OLD} before Part"),
        ]
    );
    assert_eq!(outside.found[0].entity, "invoice");
    let unasked: Vec<&str> = outside.unasked.iter().map(|(what, _)| what.as_str()).collect();
    assert_eq!(unasked, ["desk/contacts", "desk/tickets"]);
    assert!(outside.unasked[0].1.contains("down for repairs"), "{:?}", outside.unasked);
    assert_eq!((bench.store.heads().unwrap(), bench.systems.values().map(System::writes).sum::<usize>()), before);
}
