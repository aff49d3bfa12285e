//! Permanent numbers: what is new, gone or of another type.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_a_field_away_needs_a_word() {
    let bench = in_step().await;
    let engine = &bench.engine;
    let configure = |change: &dyn Fn(&mut nave_core::catalog::Catalog)| {
        let mut catalog = engine.catalog().as_ref().clone();
        change(&mut catalog);
        engine.reconfigure(catalog.into());
    };
    let apply = async |consent: bool| {
        let mut written = None;
        let found = number_commands::apply(engine, consent, "tidying up", "ada", |numbers| {
            written = Some(numbers.clone());
            Ok(())
        });
        let found = found.await;
        if let Some(numbers) = written {
            configure(&|catalog| catalog.numbers = numbers.clone());
        }
        found
    };
    // New names are a matter of course, and nothing is left to do then.
    let first = apply(false).await.unwrap();
    assert!(first.iter().all(|step| step.change == "new" && !step.consent) && !first.is_empty(), "{first:?}");
    assert_eq!(number_commands::steps(engine).unwrap(), []);
    // A field goes, another one gets another type: both are counted, and refused without a word.
    configure(&|catalog| {
        let contact = std::sync::Arc::make_mut(catalog.entities.get_mut("contact").unwrap());
        contact.fields.remove("first_name");
        contact.fields.get_mut("job_title").unwrap().kind = nave_core::catalog::FieldType::Integer;
    });
    let steps = number_commands::steps(engine).unwrap();
    let told: Vec<_> = steps.iter().map(|step| (step.name.as_str(), step.change.as_str(), step.records, step.consent)).collect();
    assert_eq!(told, [("field contact.first_name", "removed", 1, true), ("field contact.job_title", "text → integer", 0, true)]);
    let before = engine.catalog().numbers.clone();
    let refused = apply(false).await.unwrap_err();
    assert_eq!(refused.exit, crate::api::exit::PERSON);
    assert!(refused.message.contains("contact.first_name: removed (1 record holds a value)"), "{}", refused.message);
    assert_eq!(engine.catalog().numbers, before);
    apply(true).await.unwrap();
    assert_eq!(number_commands::steps(engine).unwrap(), []);
    let lines = audits::list(engine, 50, "").unwrap().entries;
    assert_eq!(lines.iter().filter(|line| line.action == "schema.applied" && line.actor == "ada").count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_field_is_applied_without_a_word() {
    let bench = in_step().await;
    let engine = &bench.engine;
    let locked = |numbers: &nave_core::catalog::Numbers| {
        let mut catalog = engine.catalog().as_ref().clone();
        catalog.numbers = numbers.clone();
        engine.reconfigure(catalog.into());
        Ok(())
    };
    number_commands::apply(engine, false, "", "ada", locked).await.unwrap();
    let number = engine.catalog().numbers.fields["contact"]["first_name"].number;
    let mut catalog = engine.catalog().as_ref().clone();
    let contact = Arc::make_mut(catalog.entities.get_mut("contact").unwrap());
    let mut field = contact.fields.remove("first_name").unwrap();
    (field.name, field.renamed_from) = ("given_name".into(), Some("first_name".into()));
    contact.fields.insert("given_name".into(), field);
    engine.reconfigure(catalog.into());
    let steps = number_commands::steps(engine).unwrap();
    let told: Vec<_> = steps.iter().map(|step| (step.name.as_str(), step.change.as_str(), step.records, step.consent)).collect();
    assert_eq!(told, [("field contact.given_name", "renamed from first_name", 1, false)]);
    let plan = engine.plan("books-contacts", 5).await.unwrap();
    assert_eq!((plan.creates, plan.updates, plan.unchanged), (0, 0, 0), "what would be sent is not known yet");
    number_commands::apply(engine, false, "clearer", "ada", locked).await.unwrap();
    assert_eq!(engine.catalog().numbers.fields["contact"]["given_name"].number, number);
    assert_eq!(number_commands::steps(engine).unwrap(), []);
    let record = engine.store.records_after(RecordId(0), 10).unwrap().into_iter().find(|record| record.entity == "contact");
    let record = record.unwrap();
    assert!(record.value("given_name").is_some() && record.value("first_name").is_none(), "{record:?}");
    let lines = audits::list(engine, 50, "").unwrap().entries;
    let line = lines.iter().find(|line| line.action == "schema.renamed").unwrap();
    assert_eq!(
        (line.actor.as_str(), line.subject.as_str()),
        ("ada", "field contact.given_name: renamed from first_name in 1 record")
    );
}

/// `nave.lock` came from where two names changed places.
#[tokio::test(flavor = "multi_thread")]
async fn names_that_changed_places_are_shown_and_applied() {
    let bench = in_step().await;
    let engine = &bench.engine;
    let locked = |numbers: &nave_core::catalog::Numbers| {
        let mut catalog = engine.catalog().as_ref().clone();
        catalog.numbers = numbers.clone();
        engine.reconfigure(catalog.into());
        Ok(())
    };
    number_commands::apply(engine, false, "", "ada", locked).await.unwrap();
    let value = |name: &str| {
        let record = engine.store.records_after(RecordId(0), 10).unwrap().into_iter().find(|record| record.entity == "contact");
        record.unwrap().value(name).map(nave_core::Value::display)
    };
    let before = (value("first_name"), value("last_name"));
    let mut numbers = engine.catalog().numbers.clone();
    let fields = numbers.fields.get_mut("contact").unwrap();
    let (first, last) = (fields["first_name"].clone(), fields["last_name"].clone());
    fields.extend([("first_name".to_owned(), last), ("last_name".to_owned(), first)]);
    locked(&numbers).unwrap();
    let steps = number_commands::steps(engine).unwrap();
    let told: Vec<_> = steps.iter().map(|step| (step.name.as_str(), step.change.as_str(), step.records)).collect();
    assert_eq!(
        told,
        [("field contact.first_name", "renamed from last_name", 1), ("field contact.last_name", "renamed from first_name", 1)]
    );
    number_commands::apply(engine, false, "clearer", "ada", locked).await.unwrap();
    assert_eq!((value("last_name"), value("first_name")), before);
    assert_eq!(number_commands::steps(engine).unwrap(), []);
    let lines = audits::list(engine, 50, "").unwrap().entries;
    assert_eq!(lines.iter().filter(|line| line.action == "schema.renamed").count(), 2);
}
