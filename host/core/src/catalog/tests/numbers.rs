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
