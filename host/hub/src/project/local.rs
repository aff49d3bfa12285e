//! Requests that need the project's directory and nothing else: answered without opening the store.

use std::collections::BTreeSet;
use std::path::Path;

use nave_core::catalog::{
    Catalog, EntityField, FieldType, MatchRule, SHARED_TYPES, Survivorship, json_schema, shared_type_schema,
};
use nave_core::mapping;

use super::{Project, coverage, exposure, field_why, lineage, load, load_streams, ownership, sheet};
use crate::api::{
    Answer, ApiError, ConnectionLine, ConnectionsAnswer, EntityLine, Finding, GrantsAnswer, LintAnswer, PluginsAnswer,
    PowersView, Request, SchemaAnswer, SchemaField, SchemasAnswer, SystemLine, SystemsAnswer, TextAnswer,
};
use crate::plugins::{self, powers};

/// Answers a request from the directory alone; `None` where it needs an open hub.
pub fn answer(dir: &Path, request: &Request) -> Option<Result<Answer, ApiError>> {
    Some(match request {
        Request::MappingLint { mapping } => load(dir).and_then(|project| lint(&project, mapping.as_deref())),
        Request::MappingExplain { mapping } => load(dir).and_then(|project| explain(&project, mapping)),
        Request::MappingCoverage { mapping } => load(dir).and_then(|project| coverage::coverage(&project, mapping.as_deref())),
        Request::MappingSheet { mapping } => load(dir).and_then(|project| sheet::sheets(&project, mapping.as_deref())),
        Request::FieldFlows { entity, field } => {
            load(dir).and_then(|project| lineage::flows(&project.catalog, entity.as_deref(), field.as_deref()))
        }
        Request::ReportBidirectional => load(dir).map(|project| lineage::bidirectional(&project.catalog)),
        Request::ImpactSystem { name } => load(dir).and_then(|project| lineage::system(&project.catalog, name)),
        Request::ImpactField { field } => load(dir).and_then(|project| lineage::field(&project.catalog, field)),
        Request::FieldWhy { field } => load(dir).and_then(|project| field_why::field_why(&project, field)),
        Request::ConnectionList => load(dir).map(|project| connections(&project)),
        Request::SchemaList => load(dir).map(|project| schemas(&project.catalog)),
        Request::SchemaShow { entity } => load(dir).and_then(|project| schema(&project.catalog, entity)),
        Request::SystemList => load(dir).map(|project| Answer::Systems(SystemsAnswer { systems: systems(&project.catalog) })),
        Request::SystemShow { name } => load(dir).and_then(|project| system(&project.catalog, name)),
        Request::PluginList => {
            plugins::list(dir).map(|plugins| Answer::Plugins(PluginsAnswer { plugins })).map_err(ApiError::from)
        }
        Request::PluginTrust { change } => {
            let today = jiff::Timestamp::now().to_zoned_datetime(jiff::tz::TimeZone::UTC).date();
            plugins::trusting::change(dir, change, today).map(|said| Answer::done(said, 1)).map_err(ApiError::from)
        }
        Request::PluginRemove { name } => plugins::remove(dir, name)
            .map(|gone| Answer::done(format!("{name} {} was removed", gone.version), 1))
            .map_err(ApiError::from),
        Request::PluginGrants { name } => load(dir).and_then(|project| grants(&project, name.as_deref())),
        Request::PluginExposure { name } => load(dir).and_then(|project| exposure::exposure(&project, name)),
        Request::SystemMatrix => load(dir).and_then(|project| exposure::matrix(&project)),
        _ => return None,
    })
}

pub(super) fn unknown<'n>(what: &str, name: &str, known: impl Iterator<Item = &'n String>) -> ApiError {
    ApiError::unknown(what, name, known.map(String::as_str))
}

fn lint(project: &Project, only: Option<&str>) -> Result<Answer, ApiError> {
    if let Some(name) = only
        && !project.catalog.mappings.contains_key(name)
    {
        return Err(unknown("mapping", name, project.catalog.mappings.keys()));
    }
    let unowned = project.warnings.iter().any(|found| found.code == ownership::UNOWNED);
    if project.catalog.hub.ownership_required && unowned {
        let mut findings: Vec<Finding> = project.warnings.iter().map(Finding::from).collect();
        findings.iter_mut().filter(|found| found.code == ownership::UNOWNED).for_each(|found| found.error = true);
        let of: Vec<_> = project.catalog.unowned.iter().collect();
        return Err(ApiError { findings, ..ownership::refused(&of) });
    }
    let wanted = |path: &str| only.is_none_or(|name| path == format!("mappings/{name}.toml"));
    let mut undiscovered = BTreeSet::new();
    for mapping in project.catalog.mappings.values().filter(|mapping| only.is_none_or(|only| only == mapping.name)) {
        if load_streams(&project.place.dir, &mapping.connection)?.is_none() {
            undiscovered.insert(mapping.connection.clone());
        }
    }
    Ok(Answer::Lint(LintAnswer {
        undiscovered: undiscovered.into_iter().collect(),
        findings: project.warnings.iter().filter(|found| wanted(&found.path)).map(Finding::from).collect(),
        mappings: project.catalog.mappings.keys().filter(|name| only.is_none_or(|only| only == *name)).cloned().collect(),
    }))
}

fn explain(project: &Project, name: &str) -> Result<Answer, ApiError> {
    let catalog = &project.catalog;
    let found = catalog.mappings.get(name).ok_or_else(|| unknown("mapping", name, catalog.mappings.keys()))?;
    let entity = catalog.entities.get(&found.entity).ok_or_else(|| unknown("entity", &found.entity, catalog.entities.keys()))?;
    Ok(Answer::Text(TextAnswer { title: name.to_owned(), text: mapping::explain(found, entity) }))
}

fn connections(project: &Project) -> Answer {
    let catalog = &project.catalog;
    let lines = catalog.connections.iter().map(|(name, connection)| {
        let version = catalog.plugins.get(&connection.plugin).map(|plugin| plugin.version.as_str()).unwrap_or("not installed");
        let folders = connection.grants.folders.values().map(|folder| folder.path.clone());
        ConnectionLine {
            name: name.clone(),
            plugin: format!("{} {version}", connection.plugin),
            system: connection.system.clone(),
            reaches: connection.grants.endpoints.values().map(|endpoint| endpoint.base.clone()).chain(folders).collect(),
            secrets: connection.credentials.values().map(|credential| credential.secret.clone()).collect(),
            flows: catalog
                .mappings
                .values()
                .filter(|mapping| mapping.connection == *name)
                .map(|mapping| mapping.name.clone())
                .collect(),
        }
    });
    Answer::Connections(ConnectionsAnswer { connections: lines.collect() })
}

fn schemas(catalog: &Catalog) -> Answer {
    let entities = catalog.entities.iter().map(|(name, entity)| EntityLine {
        entity: name.clone(),
        label: entity.label.clone(),
        fields: entity.fields.len() as u64,
        steward: entity.steward.clone(),
        mappings: catalog
            .mappings
            .values()
            .filter(|mapping| mapping.entity == *name)
            .map(|mapping| mapping.name.clone())
            .collect(),
    });
    let shared = SHARED_TYPES.iter().map(|(name, label)| EntityLine {
        entity: (*name).to_owned(),
        label: format!("{label} (part of other entities)"),
        fields: shared_fields(catalog, name).len() as u64,
        ..EntityLine::default()
    });
    Answer::Schemas(SchemasAnswer { entities: entities.chain(shared).collect() })
}

fn shared_schema(catalog: &Catalog, name: &str) -> Option<serde_json::Value> {
    shared_type_schema(name, catalog.entities.get("contact")?)
}

fn shared_fields(catalog: &Catalog, name: &str) -> Vec<SchemaField> {
    let parts = |prefix: &'static str| {
        let contact = catalog.entities.get("contact").into_iter().flat_map(|entity| entity.fields.values());
        contact.filter_map(move |about| Some(SchemaField { field: about.name.strip_prefix(prefix)?.to_owned(), ..field(about) }))
    };
    let plain = |name: &str, kind: &str| SchemaField { field: name.to_owned(), kind: kind.to_owned(), ..SchemaField::default() };
    match name {
        "money" => vec![plain("amount", "decimal"), plain("currency", "three letters, as ISO 4217 has them")],
        _ => parts("address.").collect(),
    }
}

fn schema(catalog: &Catalog, name: &str) -> Result<Answer, ApiError> {
    let shared = SHARED_TYPES.iter().find(|(known, _)| *known == name && !catalog.entities.contains_key(name));
    if let Some((_, label)) = shared {
        return Ok(Answer::Schema(SchemaAnswer {
            entity: name.to_owned(),
            label: (*label).to_owned(),
            fields: shared_fields(catalog, name),
            json_schema: shared_schema(catalog, name).unwrap_or_default(),
            ..SchemaAnswer::default()
        }));
    }
    let entity = catalog.entities.get(name).ok_or_else(|| unknown("entity", name, catalog.entities.keys()))?;
    Ok(Answer::Schema(SchemaAnswer {
        json_schema: json_schema(entity),
        entity: name.to_owned(),
        label: entity.label.clone(),
        steward: entity.steward.clone(),
        fields: entity.fields.values().map(field).collect(),
        match_rules: entity.match_rules.iter().map(match_rule).collect(),
    }))
}

fn field(field: &EntityField) -> SchemaField {
    SchemaField {
        field: field.name.clone(),
        label: field.label.clone(),
        kind: kind(&field.kind),
        survivorship: survivorship(&field.survivorship),
        because: field.because.clone(),
        personal: field.personal,
    }
}

fn kind(kind: &FieldType) -> String {
    match kind {
        FieldType::Enum(values) => format!("one of {}", values.join(", ")),
        FieldType::Reference(entity) => format!("reference to {entity}"),
        FieldType::List { fields, .. } => format!("list of {}", fields.keys().cloned().collect::<Vec<_>>().join(", ")),
        FieldType::Text => "text".to_owned(),
        FieldType::Integer => "integer".to_owned(),
        FieldType::Decimal => "decimal".to_owned(),
        FieldType::Money => "money".to_owned(),
        FieldType::Boolean => "boolean".to_owned(),
        FieldType::Date => "date".to_owned(),
        FieldType::Timestamp => "timestamp".to_owned(),
        FieldType::Email => "e-mail".to_owned(),
        FieldType::Phone => "phone".to_owned(),
        FieldType::Country => "country".to_owned(),
        FieldType::Url => "url".to_owned(),
        FieldType::Object => "object".to_owned(),
        FieldType::File => "file".to_owned(),
    }
}

/// Who wins, as a phrase.
pub(super) fn survivorship(rule: &Survivorship) -> String {
    match rule {
        Survivorship::Owner(connection) => format!("{connection} owns it"),
        Survivorship::Priority(connections) => format!("first of {}", connections.join(", ")),
        Survivorship::Newest => "newest".to_owned(),
        Survivorship::NewestOr(connection) => format!("newest; where clocks do not tell, {connection}"),
        Survivorship::Longest => "longest".to_owned(),
        Survivorship::NonEmpty => "newest that is not empty".to_owned(),
        Survivorship::ThreeWay => "whoever changed it since it was agreed on; where several did otherwise, a steward".to_owned(),
        Survivorship::Manual => "stays until a steward changes it".to_owned(),
        Survivorship::Consent(_) => "a refusal stands until the same source grants again".to_owned(),
    }
}

fn match_rule(rule: &MatchRule) -> String {
    if rule.agree.is_empty() {
        format!("the same {} is the same record", rule.key)
    } else {
        format!("the same {} proposes; it is the same record when one of {} agrees too", rule.key, rule.agree.join(", "))
    }
}

/// References to the secrets of a system's connections, each once.
fn credentials(catalog: &Catalog, system: &str) -> Vec<String> {
    let connections = catalog.connections.values().filter(|connection| connection.system == system);
    let reference = |secret: &str| format!("secret://{secret}/{}", catalog.hub.environment);
    let found: std::collections::BTreeSet<String> = connections
        .flat_map(|connection| connection.credentials.values())
        .map(|credential| reference(&credential.secret))
        .collect();
    found.into_iter().collect()
}

fn systems(catalog: &Catalog) -> Vec<SystemLine> {
    let line = |(name, system): (&String, &nave_core::catalog::System)| SystemLine {
        name: name.clone(),
        kind: system.kind.clone(),
        owner: system.owner.clone(),
        vendor_contact: system.vendor_contact.clone(),
        docs: system.docs.clone(),
        docs_checked: system.docs_checked.clone(),
        sunset: None,
        notes: system.notes.clone(),
        attachments: system.attachments.clone(),
        connections: catalog
            .connections
            .values()
            .filter(|connection| connection.system == *name)
            .map(|c| c.name.clone())
            .collect(),
        credentials: credentials(catalog, name),
    };
    catalog.systems.iter().map(line).collect()
}

fn system(catalog: &Catalog, name: &str) -> Result<Answer, ApiError> {
    let systems: Vec<SystemLine> = systems(catalog).into_iter().filter(|line| line.name == name).collect();
    if systems.is_empty() {
        return Err(unknown("system", name, catalog.systems.keys()));
    }
    Ok(Answer::Systems(SystemsAnswer { systems }))
}

fn grants(project: &Project, only: Option<&str>) -> Result<Answer, ApiError> {
    let wanted = |name: &String| only.is_none_or(|only| only == name);
    let plugins = project.plugins.iter().filter(|(name, _)| wanted(name));
    let plugins = plugins.map(|(name, plugin)| PowersView {
        name: name.clone(),
        powers: powers::asked(&plugin.manifest),
        ..PowersView::default()
    });
    let connections = project.catalog.connections.iter().filter(|(name, connection)| wanted(name) || wanted(&connection.plugin));
    let connections = connections.filter_map(|(name, connection)| {
        let manifest = &project.plugins.get(&connection.plugin)?.manifest;
        Some(PowersView {
            pending: false,
            name: name.clone(),
            powers: powers::granted(&connection.grants, &connection.credentials, manifest),
            not_granted: powers::not_granted(name, &connection.grants, &connection.credentials, manifest),
            uses: Vec::new(),
        })
    });
    let answer = GrantsAnswer { plugins: plugins.collect(), connections: connections.collect() };
    if let Some(name) = only
        && answer.plugins.is_empty()
        && answer.connections.is_empty()
    {
        return Err(unknown("plugin or connection", name, project.plugins.keys().chain(project.catalog.connections.keys())));
    }
    Ok(Answer::Grants(answer))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nave_core::catalog::{PluginInfo, SourceFile, check};

    const MANIFEST: &str = r#"{"name":"ledger","version":"1.0.0","serial":1,"title":"Ledger","description":"","kind":"connector",
        "credentials":{"key":{"kinds":[{"kind":"bearer"}],"reason":""}}}"#;

    #[test]
    fn the_inventory_names_documentation_and_secrets_but_no_value() {
        let file = |path: &str, text: &str| SourceFile { path: path.into(), text: text.into() };
        let files = [
            file("nave.toml", "environment = \"prod\"\n"),
            file(
                "systems.toml",
                "[books]\nkind = \"accounting\"\nowner = \"Finance\"\ndocs = \"https://docs.example.com\"\ndocs-checked = \"2026-11-01\"\n",
            ),
            file("nave.lock", "[plugins.ledger]\nsource = \"test\"\ndigest = \"00\"\nserial = 1\nversion = \"1.0.0\"\n"),
            file("connections/ledger.toml", "plugin = \"ledger\"\nsystem = \"books\"\n[credentials.key]\nsecret = \"books\"\n"),
        ];
        let plugin = PluginInfo { manifest: serde_json::from_str(MANIFEST).unwrap(), streams: Default::default() };
        let (catalog, _) = check(&files, &[("ledger".to_owned(), plugin)].into()).unwrap();
        let Answer::Systems(shown) = system(&catalog, "books").unwrap() else { panic!() };
        let line = &shown.systems[0];
        assert_eq!((line.docs.as_str(), line.docs_checked.as_str()), ("https://docs.example.com", "2026-11-01"));
        assert_eq!(
            (line.connections.as_slice(), line.credentials.as_slice()),
            (&["ledger".to_owned()][..], &["secret://books/prod".to_owned()][..])
        );
        assert_eq!(system(&catalog, "nope").unwrap_err().code, "not-found");
    }
}
