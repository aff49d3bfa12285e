//! The same with an entity and schemas that were made up from the seed: nothing is special to contacts.

use std::collections::BTreeMap;

use nave_sim::{ObjectSchema, PropertyType, SimConfig};
use nave_tests::model::{OnDelete, Rule};
use nave_tests::project::Project;
use nave_tests::rng::{Rng, SayHow, seed};
use nave_tests::shapes::{Field, Kind, Part, Shape};
use nave_tests::systems::{Clock, Crm, Drop, System};
use nave_tests::world::World;

const ACTS: usize = 120;

/// A marker of the hub's own, as an administrator would add it.
fn schema(seed: u64) -> ObjectSchema {
    let schema = ObjectSchema::generated(seed);
    let mut marker = nave_sim::Property::new("nave_id", "Nave", PropertyType::String);
    marker.unique = true;
    let own = ["hs_object_id", "createdate", "hs_merged_object_ids", schema.modified_property.as_str()];
    let mut properties: Vec<_> =
        schema.properties.iter().filter(|property| !own.contains(&property.name.as_str())).cloned().collect();
    properties.push(marker);
    ObjectSchema::new(&schema.name, &schema.singular, &schema.type_id, &schema.modified_property, properties)
}

fn kind(property: &nave_sim::Property) -> Kind {
    match property.kind {
        PropertyType::String if property.unique => Kind::Code,
        PropertyType::String => Kind::Text,
        PropertyType::Number => Kind::Number,
        PropertyType::Date => Kind::Date,
        PropertyType::Datetime => Kind::Time,
        PropertyType::Bool => Kind::Flag,
        PropertyType::Enumeration => Kind::Choice(property.options.clone()),
    }
}

/// Two systems with the same made-up schema, and a drop that knows some of it.
fn shape(schema: &ObjectSchema, rng: &mut Rng) -> (Shape, Vec<String>) {
    let part = |name: &str, stream: &str, written: bool, keys: &str| Part {
        name: name.to_owned(),
        stream: stream.to_owned(),
        written,
        on_delete: OnDelete::Detach,
        keys: keys.to_owned(),
        tables: String::new(),
        copies: Vec::new(),
    };
    let marker = "marker = \"properties.nave_id\"\n";
    let parts = vec![
        part("left", &schema.name, true, marker),
        part("right", &schema.name, true, marker),
        part("drop", "contacts", false, ""),
    ];
    let writable = schema.properties.iter().filter(|property| !property.read_only && property.name != "nave_id");
    let (mut fields, mut columns, mut key) = (Vec::new(), Vec::new(), String::new());
    for property in writable {
        let mut there: BTreeMap<usize, String> = [(0, property.name.clone()), (1, property.name.clone())].into();
        if property.unique || rng.percent(60) {
            there.insert(2, property.name.clone());
            columns.push(property.name.clone());
        }
        if property.unique {
            key.clone_from(&property.name);
        }
        let kind = kind(property);
        let rule = match rng.below(4) {
            _ if property.unique => Rule::Newest,
            0 | 1 if kind == Kind::Flag => Rule::Consent { refusal: vec!["false".to_owned()], grant: vec!["true".to_owned()] },
            0 | 1 if matches!(&kind, Kind::Choice(words) if words.len() > 1) => {
                let Kind::Choice(words) = &kind else { unreachable!() };
                Rule::Consent { refusal: words[..1].to_vec(), grant: words[1..2].to_vec() }
            }
            0 => Rule::Owner(rng.below(2)),
            1 => Rule::Priority(vec![1, 2]),
            2 => Rule::NonEmpty,
            _ => Rule::Newest,
        };
        fields.push(Field { name: property.name.clone(), kind, rule, needed: property.unique, there });
    }
    (Shape { entity: "thing".to_owned(), own: true, parts, fields, key, seconds: Vec::new() }, columns)
}

#[test]
fn generated() {
    let seed = seed(4_711);
    let _how = SayHow { test: "generated", seed };
    let schema = schema(seed);
    let (shape, columns) = shape(&schema, &mut Rng::new(seed));
    let clock = Clock::default();
    let config = |seed: u64| {
        let clock = clock.clone();
        SimConfig { clock: std::sync::Arc::new(move || clock.now()), ..SimConfig::new(seed) }
    };
    let project = Project::init();
    let folder = project.dir().parent().expect("a folder").join("exports");
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let drop = Drop::start("drop", folder.clone(), &columns, clock.clone());
    project.install("hubspot");
    project.install("files");
    let mut systems: Vec<Box<dyn System>> = Vec::new();
    for (name, seed) in [("left", seed), ("right", seed + 1)] {
        let crm = Crm::with(name, config(seed), schema.clone());
        let sim = crm.sim().expect("a simulator");
        let settings = [("url", sim.running.base_url()), ("objects", format!("[{:?}]", schema.name))];
        project.connect("hubspot", name, &settings, Some(&sim.running.credential.token));
        systems.push(Box::new(crm));
    }
    project.connect_drop("drop", &folder);
    systems.push(Box::new(drop));
    let mut world = World::new(project, systems, shape, seed);
    for _ in 0..ACTS {
        world.act();
        if world.rng.percent(12) {
            world.sync();
        }
    }
    world.sync();
    world.check_why();
}
