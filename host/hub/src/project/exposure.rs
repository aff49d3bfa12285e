//! What a plugin is let near: hosts, secrets, folders, and the fields that mappings read and write through it. What the systems that
//! are connected can do, side by side.

use nave_core::catalog::{Connection, Direction, lineage};
use nave_core::grant::{distinct, effective};
use nave_core::manifest::Allow;

use super::local::unknown;
use super::{Project, load_streams};
use crate::api::{
    Answer, ApiError, ExposedConnection, ExposedField, ExposedHost, ExposedSecret, ExposureAnswer, MatrixAnswer, MatrixLine,
};
use crate::plugins::powers;

/// What a read-only connection may of a line that is granted.
fn reading(line: Allow) -> Option<Allow> {
    let reads = |method: &String| line.reads || matches!(method.as_str(), "GET" | "HEAD");
    let methods: Vec<String> = line.methods.iter().filter(|method| reads(method)).cloned().collect();
    (!methods.is_empty()).then_some(Allow { methods, ..line })
}

/// Everything that a plugin is let near, as the configuration says; by the name of a connection, what it is let near through that one.
pub(super) fn exposure(project: &Project, name: &str) -> Result<Answer, ApiError> {
    let catalog = &project.catalog;
    let only = catalog.connections.get(name).filter(|_| !catalog.plugins.contains_key(name));
    let name = only.map_or(name, |connection| connection.plugin.as_str());
    let known = || catalog.plugins.keys().chain(catalog.connections.keys());
    let locked = catalog.plugins.get(name).ok_or_else(|| unknown("plugin or connection", name, known()))?;
    let manifest = project.plugins.get(name).map(|plugin| &plugin.manifest);
    let lines = lineage(catalog);
    let mut connections = Vec::new();
    let wanted = |one: &&std::sync::Arc<Connection>| only.map_or(one.plugin == name, |only| only.name == one.name);
    for connection in catalog.connections.values().filter(wanted) {
        let asked = |endpoint: &str| manifest.and_then(|manifest| manifest.endpoints.get(endpoint));
        let hosts = connection.grants.endpoints.iter().map(|(endpoint, grant)| {
            let allow = match (asked(endpoint), grant.allow.is_empty()) {
                (None, _) => Vec::new(),
                (Some(asked), true) => asked.allow.clone(),
                (Some(asked), false) => effective(&asked.allow, &grant.allow),
            };
            // Where it only reads, what reads alone is left of it.
            let allow = match grant.read_only {
                true => distinct(allow.into_iter().filter_map(reading).collect()),
                false => distinct(allow),
            };
            ExposedHost {
                endpoint: endpoint.clone(),
                base: grant.base.clone(),
                calls: allow.iter().map(|line| format!("{} {}", line.methods.join(" "), line.paths.join(" "))).collect(),
                read_only: grant.read_only,
                insecure: grant.insecure,
                networks: grant.networks.clone(),
            }
        });
        let to = manifest
            .map(|manifest| {
                let none = std::collections::BTreeSet::new();
                crate::egress::destinations(&manifest.endpoints, &connection.grants, &connection.credentials, &none)
            })
            .unwrap_or_default();
        let secrets = connection.credentials.iter().map(|(slot, credential)| ExposedSecret {
            slot: slot.clone(),
            secret: format!("secret://{}/{}", credential.secret, catalog.hub.environment),
            applied: powers::kind_word(&credential.kind).to_owned(),
            kept: None,
            to: to.get(&credential.secret).into_iter().flatten().cloned().collect(),
        });
        let folders =
            connection.grants.folders.values().map(|folder| format!("{} ({})", folder.path, powers::access_word(folder.access)));
        let mine = lines.iter().filter(|line| line.connection == connection.name && line.direction != Direction::Ignore);
        let fields = mine.map(|line| ExposedField {
            mapping: line.mapping.clone(),
            stream: line.stream.clone(),
            remote: line.remote.clone(),
            field: line.field.as_ref().map(|field| format!("{}.{field}", line.entity)).unwrap_or_default(),
            read: matches!(line.direction, Direction::In | Direction::Both),
            written: matches!(line.direction, Direction::Out | Direction::Both),
        });
        connections.push(ExposedConnection {
            name: connection.name.clone(),
            hosts: hosts.collect(),
            secrets: secrets.collect(),
            folders: folders.collect(),
            fields: fields.collect(),
        });
    }
    let calls = catalog.mappings.values().flat_map(|mapping| mapping.externals.iter().map(move |external| (mapping, external)));
    let mut functions: Vec<String> = calls
        .filter(|(_, external)| catalog.functions.get(&external.function).is_some_and(|owner| owner == name))
        .map(|(mapping, external)| {
            let paths = external.arguments.iter().flat_map(|argument| argument.paths()).collect::<Vec<_>>().join(", ");
            format!("{} in {} sees {paths}", external.function, mapping.name)
        })
        .collect();
    functions.sort();
    functions.dedup();
    Ok(Answer::Exposure(ExposureAnswer {
        plugin: name.to_owned(),
        version: locked.version.clone(),
        digest: locked.digest.clone(),
        source: locked.source.clone(),
        key: locked.key.clone(),
        connections,
        functions,
    }))
}

/// What every stream of every connection can do, as it was saved by `connection discover --save`.
pub(super) fn matrix(project: &Project) -> Result<Answer, ApiError> {
    let mut answer = MatrixAnswer::default();
    for connection in project.catalog.connections.values() {
        let Some(streams) = load_streams(&project.place.dir, &connection.name)? else {
            answer.unknown.push(connection.name.clone());
            continue;
        };
        let hooks = project.plugins.get(&connection.plugin).is_some_and(|plugin| plugin.manifest.webhook.is_some());
        answer.streams.extend(streams.into_iter().map(|stream| MatrixLine {
            connection: connection.name.clone(),
            plugin: connection.plugin.clone(),
            stream: stream.name,
            webhook_scheme: hooks,
            rate_headers: Vec::new(),
            capabilities: stream.capabilities,
        }));
    }
    Ok(Answer::Matrix(answer))
}
