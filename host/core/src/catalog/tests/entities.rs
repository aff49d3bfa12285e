//! Entities: fields, rules, consent, and those that are shipped.

use super::*;

#[test]
fn entities() {
    let at = "entities/contact.toml";
    let patch = |from: &str, to: &str, expected: &str| check_patch(at, from, to, &expected.replace("@", at));
    patch(
        "[fields.email]",
        "[fields.emial]",
        "@:3:9: contact has no field `emial` [unknown-field] → did you mean `email`? A field of your own needs `type`",
    );
    patch(
        "owner = \"crm\"",
        "owner = \"cmr\"",
        "@:4:26: there is no connection `cmr` [unknown-connection] → did you mean `crm`?",
    );
    patch(
        "survivorship = { owner = \"crm\" }",
        "survivorship = \"newst\"",
        "@:4:16: `survivorship` is one of `newest`, `longest`, `non-empty`, `three-way`, `manual`, `consent`, not `newst` [unknown-word] → did you mean `newest`?",
    );
    patch(
        "survivorship = { owner = \"crm\" }",
        "survivorship = \"threeway\"",
        "@:4:16: `survivorship` is one of `newest`, `longest`, `non-empty`, `three-way`, `manual`, `consent`, not `threeway` [unknown-word] → did you mean `three-way`?",
    );
    patch(
        "because = \"Sales owns it\"",
        "type = \"text\"\nbecause = \"Sales owns it\"",
        "@:5:1: `email` of contact ships with another type [type-changed] → leave `type` out, or make a field of your own: [fields.x.<system>.email]",
    );
    // Two systems name one record by two ids.
    patch(
        "type = \"integer\"",
        "type = \"reference\"\nentity = \"company\"\nbecause = \"x\"\nsurvivorship = \"three-way\"",
        "@:11:1: `x.crm.score` refers to a record, and cannot be compared three ways [wrong-type] → write \"newest\", \"manual\", or { owner = \"…\" }",
    );
    patch("type = \"integer\"", "type = \"intger\"", "@:8:8: there is no type `intger` [unknown-type] → did you mean `integer`?");
    patch(
        "type = \"integer\"",
        "type = \"reference\"\nentity = \"compny\"",
        "@:9:10: there is no entity `compny` [unknown-entity] → did you mean `company`?",
    );
    patch(
        "type = \"integer\"\n",
        "type = \"integer\"\n\n[[match]]\nkey = \"emails.adress\"\nagree = []\n",
        "@:11:7: contact has no field `emails.adress` (match) [unknown-field] → did you mean `emails.address`?",
    );
    patch(
        "type = \"integer\"\n",
        "type = \"integer\"\n\n[[match]]\nkey = \"emails.address\"\n",
        "@:11:7: `agree` is missing: which second field must agree? [missing-key] → write agree = [\"last_name\"], or agree = [] if this field alone identifies, as a tax number does",
    );
}

#[test]
fn fields_of_consent() {
    let at = "entities/contact.toml";
    let patch =
        |to: &str, expected: &str| check_patch(at, "[fields.x.crm.score]\ntype = \"integer\"", to, &expected.replace("@", at));
    let own = |rest: &str| format!("[fields.x.crm.may_call]\n{rest}\nbecause = \"we ask\"");
    let good = [
        "type = \"boolean\"\nsurvivorship = \"consent\"",
        "type = \"boolean\"\nsurvivorship = { refusal = [\"true\"], grant = [\"false\"] }",
        "type = \"enum\"\nvalues = [\"yes\", \"no\", \"asked\"]\nsurvivorship = { refusal = \"no\", grant = [\"yes\"] }",
    ];
    for rule in good {
        patch(&own(rule), "");
    }
    patch(
        &own("type = \"text\"\nsurvivorship = \"consent\""),
        "@:9:1: `x.crm.may_call` is neither, so nobody can refuse or grant by it [not-consent] → a field of consent is a boolean or an enum: type = \"boolean\"",
    );
    let values = "type = \"enum\"\nvalues = [\"yes\", \"no\"]\nsurvivorship = ";
    patch(
        &own(&format!("{values}\"consent\"")),
        "@:10:1: which values of `x.crm.may_call` refuse, and which grant? [not-consent] → write survivorship = { refusal = [\"no\"], grant = [\"yes\"] }, the right way round",
    );
    patch(
        &own(&format!("{values}{{ refusal = [\"noo\"], grant = [\"yes\"] }}")),
        "@:10:1: `noo` of `refusal` is no value of `x.crm.may_call` [unknown-word] → did you mean `no`?",
    );
    patch(
        &own(&format!("{values}{{ refusal = [\"no\"] }}")),
        "@:10:1: `x.crm.may_call` has no value by which anybody could grant [not-consent] → write both: { refusal = [\"no\"], grant = [\"yes\"] }",
    );
    patch(
        &own(&format!("{values}{{ refusal = [\"no\", \"yes\"], grant = [\"yes\"] }}")),
        "@:10:1: `yes` of `x.crm.may_call` refuses and grants [not-consent] → leave it in one of them; a value in neither list is no stance",
    );
    // What says by its name that it is about consent, and what ships as such, is warned of under another rule.
    patch(
        "[fields.x.crm.optin_sms]\ntype = \"boolean\"\nsurvivorship = \"newest\"\nbecause = \"who was last knows best\"",
        "@:9:1: warning: `x.crm.optin_sms` says whether a person agreed, and by this rule a word of one system lifts the refusal in another [not-consent] → write survivorship = \"consent\"",
    );
    patch(
        "[fields.x.crm.opt_out]\ntype = \"boolean\"",
        "@:7:15: warning: `x.crm.opt_out` says whether a person agreed, and by this rule a word of one system lifts the refusal in another [not-consent] → write survivorship = { refusal = [\"true\"], grant = [\"false\"] }",
    );
    patch(
        "[fields.email_marketing]\nsurvivorship = \"newest\"\nbecause = \"who was last knows best\"",
        "@:8:1: warning: `email_marketing` says whether a person agreed, and by this rule a word of one system lifts the refusal in another [not-consent] → take the line out: the shipped field keeps refusals",
    );
    // A rule for the whole entity leaves them what they are, and cannot make all fields so.
    let catalog = |text: &str| check(&patched(at, "steward = \"sales-ops\"", text), &plugins());
    let (newest, _) = catalog("steward = \"sales-ops\"\nsurvivorship = \"newest\"").unwrap_or_else(|found| panic!("{found:?}"));
    assert!(matches!(newest.entities["contact"].fields["email_marketing"].survivorship, Survivorship::Consent(_)));
    assert_eq!(newest.entities["contact"].fields["phone"].survivorship, Survivorship::Newest);
    let refused = catalog("steward = \"sales-ops\"\nsurvivorship = \"consent\"").unwrap_err();
    assert!(refused.iter().any(|found| found.message.contains("consent is of one field")), "{refused:?}");
}

#[test]
fn shipped_entities_are_whole() {
    let (catalog, _) = check(&[], &BTreeMap::new()).unwrap();
    let names: Vec<&str> = catalog.entities.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "campaign",
            "company",
            "contact",
            "deal",
            "employee",
            "interaction",
            "invoice",
            "payment",
            "product",
            "stock-level",
            "ticket",
            "user"
        ]
    );
    for entity in catalog.entities.values() {
        for field in entity.fields.values() {
            let mut kinds = vec![&field.kind];
            if let FieldType::List { fields, key } = &field.kind {
                kinds.extend(fields.values());
                assert!(!key.is_empty(), "{}.{}", entity.name, field.name);
            }
            for kind in kinds {
                if let FieldType::Reference(target) = kind {
                    assert!(catalog.entities.contains_key(target), "{}.{}", entity.name, field.name);
                }
            }
        }
        assert!(!entity.title.is_empty());
        let schema = json_schema(entity);
        assert_eq!(schema["properties"].as_object().unwrap().len(), entity.fields.len());
    }
    let contact = &catalog.entities["contact"];
    assert_eq!(contact.match_rules[0].key, "email");
    assert!(contact.match_rules.iter().all(|rule| !rule.agree.is_empty()), "nothing about a person identifies alone");
    assert_eq!(json_schema(contact)["properties"]["phones"]["items"]["properties"]["number"]["type"][0], "string");
}
