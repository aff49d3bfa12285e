//! Permanent numbers in `nave.lock`.

use super::*;

#[test]
fn numbers_are_given_once() {
    use super::super::numbers::{Happened, Named, Step};
    let with_lock = |mut files: Vec<SourceFile>, numbers: &Numbers| {
        files.push(SourceFile { path: "nave.lock".into(), text: lock_text(&BTreeMap::new(), numbers) });
        check(&files, &plugins()).unwrap_or_else(|found| panic!("{found:?}")).0
    };
    let none = Numbers::default();
    let catalog = with_lock(project(), &none);
    let steps = none.steps(&catalog);
    assert!(steps.iter().all(|step| step.happened == Happened::New && !step.needs_consent()));
    let first = none.after(&steps, &catalog);
    let score = Named::Field("contact".into(), "x.crm.score".into());
    assert_eq!(first.of(&score).unwrap().kind.as_deref(), Some("integer"));
    assert_eq!(first.of(&Named::Stream("crm".into(), "contacts".into())).unwrap().number, 2);
    assert_eq!(first.entities.keys().collect::<Vec<_>>(), ["company", "contact"], "what nobody maps has no number");
    // Written, read, and nothing left to do.
    let catalog = with_lock(project(), &first);
    assert_eq!(catalog.numbers, first);
    assert_eq!(first.steps(&catalog), []);

    // Another type; gone; back; a new one never takes the number of what is gone.
    let at = "entities/contact.toml";
    let step = |happened| vec![Step { named: score.clone(), happened }];
    let retyped = with_lock(patched(at, "type = \"integer\"", "type = \"text\""), &first);
    let steps = first.steps(&retyped);
    assert_eq!(steps, step(Happened::Retyped { from: "integer".into(), to: "text".into() }));
    assert!(steps[0].needs_consent());
    let text = first.after(&steps, &retyped);
    assert_eq!(text.of(&score).unwrap().number, first.of(&score).unwrap().number);
    assert_eq!(text.steps(&retyped), []);

    let gone = with_lock(patched(at, "\n[fields.x.crm.score]\ntype = \"integer\"\n", ""), &first);
    let steps = first.steps(&gone);
    assert_eq!(steps, step(Happened::Removed));
    assert!(steps[0].needs_consent());
    let without = first.after(&steps, &gone);
    assert!(without.of(&score).unwrap().removed);
    assert_eq!(without.steps(&gone), []);
    assert_eq!(with_lock(project(), &without).numbers, without, "the line stays");
    assert_eq!(without.steps(&catalog), step(Happened::New), "in use again");
    assert_eq!(without.after(&without.steps(&catalog), &catalog), first);
    let other = with_lock(patched(at, "x.crm.score", "x.crm.rank"), &without);
    let rank = Named::Field("contact".into(), "x.crm.rank".into());
    let both = without.after(&without.steps(&other), &other);
    let highest = first.fields["contact"].values().map(|numbered| numbered.number).max().unwrap();
    assert_eq!(both.of(&rank).unwrap().number, highest + 1);

    // Two branches that met.
    let mut twice = first.clone();
    twice.entities.get_mut("company").unwrap().number = twice.entities["contact"].number;
    let mut files = project();
    files.push(SourceFile { path: "nave.lock".into(), text: lock_text(&BTreeMap::new(), &twice) });
    let found = check(&files, &plugins()).unwrap_err();
    assert_eq!((found[0].code, found[0].message.as_str()), ("number-twice", "`company` and `contact` both have the number 2"));
}

/// A field gets another name: it keeps its number, and a store that lags behind is told by number or by `renamed-from`.
#[test]
fn a_renamed_field_keeps_its_number() {
    use super::super::numbers::{Happened, Named, Rename, Step};
    let with_lock = |mut files: Vec<SourceFile>, numbers: &Numbers| {
        files.push(SourceFile { path: "nave.lock".into(), text: lock_text(&BTreeMap::new(), numbers) });
        check(&files, &plugins()).unwrap_or_else(|found| panic!("{found:?}")).0
    };
    let none = Numbers::default();
    let catalog = with_lock(project(), &none);
    let first = none.after(&none.steps(&catalog), &catalog);
    let field = |name: &str| Named::Field("contact".into(), name.into());
    let to = |kind: &str, from: &str| {
        let field = format!("[fields.x.crm.rank]\ntype = \"{kind}\"\n{from}");
        patched("entities/contact.toml", "[fields.x.crm.score]\ntype = \"integer\"\n", &field)
    };
    let from = "renamed-from = \"x.crm.score\"\n";
    let renamed = Step { named: field("x.crm.rank"), happened: Happened::Renamed { from: "x.crm.score".into() } };
    let named = with_lock(to("integer", from), &first);
    let steps = first.steps(&named);
    assert_eq!(steps, std::slice::from_ref(&renamed).to_vec());
    assert!(!steps[0].needs_consent());
    let second = first.after(&steps, &named);
    assert_eq!(second.of(&field("x.crm.rank")), first.of(&field("x.crm.score")));
    assert_eq!(second.of(&field("x.crm.score")), None);
    assert_eq!(second.steps(&with_lock(to("integer", from), &second)), []);
    // Another type at once: that needs a word.
    let retyped = with_lock(to("text", from), &first);
    let happened = Happened::Retyped { from: "integer".into(), to: "text".into() };
    assert_eq!(first.steps(&retyped), [renamed, Step { named: field("x.crm.rank"), happened }]);
    // Without the word it is another field.
    let other = with_lock(to("integer", ""), &first);
    let told = [(field("x.crm.rank"), Happened::New), (field("x.crm.score"), Happened::Removed)];
    assert_eq!(first.steps(&other), told.map(|(named, happened)| Step { named, happened }));

    let rename = [Rename { entity: "contact".into(), from: "x.crm.score".into(), to: "x.crm.rank".into() }];
    assert_eq!(first.pending(&named), rename, "by the word");
    assert_eq!(first.pending(&with_lock(to("integer", ""), &second)), rename, "by the number, whoever wrote it down");
    assert_eq!(none.pending(&named), rename, "by the word, in a store that knows no names");
    assert_eq!(second.pending(&with_lock(to("integer", from), &second)), []);
    assert_eq!(
        second.pending(&with_lock(project(), &first)),
        [Rename { entity: "contact".into(), from: "x.crm.rank".into(), to: "x.crm.score".into() }]
    );
    assert_eq!(first.pending(&other), [], "another field");
    assert_eq!(Numbers::named_by(&with_lock(project(), &none)).pending(&other), [], "0 is no number");
}

#[test]
fn a_name_that_was_given_up_is_one_fields_only() {
    let at = "entities/contact.toml";
    let rank = |from: &str| format!("type = \"integer\"\n\n[fields.x.crm.rank]\ntype = \"integer\"\nrenamed-from = \"{from}\"\n");
    check_patch(
        at,
        "type = \"integer\"\n",
        &rank("x.crm.score"),
        "entities/contact.toml:12:16: `x.crm.rank` was called `x.crm.score`, and contact still has a field of that name [still-there] → take that field out, or `renamed-from`: what is stored under the old name goes to one of them",
    );
    let twice = rank("x.crm.old") + "\n[fields.x.crm.range]\ntype = \"integer\"\nrenamed-from = \"x.crm.old\"\n";
    check_patch(
        at,
        "type = \"integer\"\n",
        &twice,
        "entities/contact.toml:12:16: `x.crm.range` was called `x.crm.old` already [renamed-twice] → what is stored goes to one of them",
    );
    check_patch(
        at,
        "steward = \"sales-ops\"\n",
        "steward = \"sales-ops\"\nrenamed-from = \"person\"\n",
        "entities/contact.toml:2:1: an entity keeps its name: records, reviews and references are stored under it [keeps-its-name] → give it another `label`, which is what people see; fields can be renamed",
    );
    // It is no other configuration of a flow.
    let digest = |files: &[SourceFile]| check(files, &plugins()).unwrap().0.mappings["crm-contacts"].digest.clone();
    let with = patched(at, "type = \"integer\"\n", "type = \"integer\"\nrenamed-from = \"x.crm.old\"\n");
    assert_eq!(digest(&with), digest(&project()));
}
