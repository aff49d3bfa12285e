//! People and their employers, in a CRM: two kinds of objects, the one referring to the other. What is said is the employer's name.

use nave_hub::api::ApiError;
use serde_json::{Value as Json, json};

use super::script::Scene;
use super::side::Side;

/// Of a contact's mapping.
pub(super) const REFERENCE: &str = "\n[[field]]\nremote = \"company_id\"\ncanonical = \"company\"\ndirection = \"both\"\n\
    in = \"reference(companies)\"\nbecause = \"it is edited on both sides\"\n";

/// `entities/company.toml`: one domain is one company.
pub(super) const ENTITY: &str = "[fields.name]\nsurvivorship = \"newest\"\nbecause = \"who was last knows best\"\n\
    [fields.domain]\nsurvivorship = \"newest\"\nbecause = \"who was last knows best\"\n\
    [[match]]\nkey = \"domain\"\nagree = []\n";

/// `mappings/<connection>-companies.toml`.
pub(super) fn mapping(connection: &str) -> String {
    format!(
        "connection = {connection:?}\nstream = \"companies\"\nentity = \"company\"\nsteward = \"ops\"\n\
         marker = \"properties.nave_id\"\nduplicates = \"review\"\n\n[flow.in]\nfreshness = \"24h\"\n\n\
         [flow.out]\nfreshness = \"24h\"\n\n[[field]]\nremote = \"properties.name\"\ncanonical = \"name\"\n\
         direction = \"both\"\nin = \"trim\"\nbecause = \"it is edited on both sides\"\n\n[[field]]\n\
         remote = \"properties.domain\"\ncanonical = \"domain\"\ndirection = \"both\"\nin = \"trim | lower\"\n\
         because = \"it is edited on both sides\"\n"
    )
}

/// The employer's name, of each contact in the state of a CRM, and every company's.
pub(super) fn employer(state: &Json, contact: &Json) -> String {
    let Some(id) = contact["associations"]["companies"][0].as_str() else { return String::new() };
    companies(state).find(|(known, _)| known == id).map_or_else(|| format!("company {id}"), |(_, name)| name)
}

/// Ids and names of the companies that are there.
pub(super) fn companies(state: &Json) -> impl Iterator<Item = (String, String)> + '_ {
    let all = state["companies"].as_array().into_iter().flatten();
    let living = all.filter(|company| company["archived"] != true && !company["merged_into"].is_string());
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    living.map(move |company| (text(&company["id"]), text(&company["properties"]["name"])))
}

/// Somebody says in a system who employs a person. A company that is not there yet is made first.
async fn employ(side: &Side, contact: &str, name: &str) -> Result<(), ApiError> {
    let state = side.state().await?;
    let found = companies(&state).find(|(_, known)| known == name).map(|(id, _)| id);
    let id = match found {
        Some(id) => id,
        None => {
            let domain = format!("{}.example", name.to_lowercase().replace(' ', "-"));
            let body = json!({ "properties": { "name": name, "domain": domain } });
            let made = side.person(("POST", "/crm/v3/objects/companies".to_owned(), body)).await?;
            made["id"].as_str().unwrap_or_default().to_owned()
        }
    };
    let edges = format!("/crm/v4/objects/contacts/{contact}/associations/companies");
    let all = state["contacts"].as_array().into_iter().flatten();
    let known = all.filter(|one| one["id"] == contact).flat_map(|one| one["associations"]["companies"].as_array()).flatten();
    let known: Vec<String> = known.filter_map(Json::as_str).map(str::to_owned).collect();
    for other in known {
        side.person(("DELETE", format!("{edges}/{other}"), Json::Null)).await?;
    }
    let primary = json!([{ "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 1 }]);
    side.person(("PUT", format!("{edges}/{id}"), primary)).await.map(drop)
}

/// The nth of those who arrived gets another employer, in this system: a new one, or one that was there before.
pub(super) async fn change_employer(scene: &mut Scene, email: &str, side: usize, new: bool) -> Result<(), ApiError> {
    let name = if new { scene.people.text("Company") } else { format!("Company of {}", side % 2) };
    let Some(shown) = scene.sides[side].find(email).await? else { return Ok(()) };
    employ(&scene.sides[side], &shown.id, &name).await?;
    scene.people.say(email, "company", &name, side);
    Ok(())
}

/// No company is there twice.
pub(super) async fn judge(scene: &mut Scene) -> Result<(), ApiError> {
    for side in &scene.sides {
        let state = side.state().await?;
        let mut names: Vec<String> = companies(&state).map(|(_, name)| name).collect();
        names.sort();
        for pair in names.windows(2).filter(|pair| pair[0] == pair[1]) {
            scene.verdict.duplicated(1, format!("{}: the company {:?} is there twice", side.part.name, pair[0]));
        }
    }
    Ok(())
}
