//! `POST /crm/v3/objects/{object}/search`.
//!
//! Promises that a search whose filters and order are on the modification time, the creation time or the id costs the same whatever
//! the number of objects: positions in a sorted index say which objects match and how many there are; only groups with further filters
//! are looked at object by object, and only in their own range. Must not know HTTP.

use super::{
    filters::{Filter, FilterBody, Test, compile},
    object::{Object, Table, signed},
    refusal::Refusal,
    schema::{CREATED, OBJECT_ID, PropertyType},
    values::{Comparable, comparable},
};
use crate::{
    limits::{CRM_SEARCH_DEPTH_OBJECTS_MAX, CRM_SEARCH_FILTERS_MAX, CRM_SEARCH_GROUPS_MAX, CRM_SEARCH_PAGE_OBJECTS_MAX},
    sorted::SortedIndex,
};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::Value;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct SearchBody {
    #[serde(default)]
    filter_groups: Vec<GroupBody>,
    #[serde(default)]
    sorts: Vec<SortBody>,
    #[serde(default)]
    query: Option<String>,
    #[serde(default)]
    pub(crate) properties: Vec<String>,
    #[serde(default)]
    limit: Option<usize>,
    #[serde(default)]
    after: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupBody {
    filters: Vec<FilterBody>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum SortBody {
    /// `name`, or `-name` for descending.
    Text(String),
    Full(SortFull),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct SortFull {
    property_name: String,
    #[serde(default)]
    direction: Option<String>,
}

/// One page of matches.
#[derive(Debug)]
pub(crate) struct Found<'a> {
    pub(crate) total: usize,
    pub(crate) objects: Vec<&'a Object>,
    /// Where the next page starts.
    pub(crate) next: Option<usize>,
}

/// Positions in the index, with what is still to be checked there.
struct Span {
    from: usize,
    to: usize,
    rest: Vec<Filter>,
}

pub(crate) fn search<'a>(table: &'a Table, body: &SearchBody) -> Result<Found<'a>, Refusal> {
    let limit = body.limit.unwrap_or(10);
    if limit == 0 || limit > CRM_SEARCH_PAGE_OBJECTS_MAX {
        return Err(Refusal::invalid(format!("limit must be between 1 and {CRM_SEARCH_PAGE_OBJECTS_MAX}, not {limit}")));
    }
    let after = match &body.after {
        None | Some(Value::Null) => 0,
        Some(Value::String(text)) if text.is_empty() => 0,
        Some(Value::String(text)) => {
            text.parse().map_err(|_| Refusal::invalid(format!("after \"{text}\" is not a paging cursor of this search")))?
        }
        Some(Value::Number(number)) => {
            number.to_string().parse().map_err(|_| Refusal::invalid("after is not a paging cursor of this search"))?
        }
        Some(_) => {
            return Err(Refusal::invalid("after is not a paging cursor of this search"));
        }
    };
    if after + limit > CRM_SEARCH_DEPTH_OBJECTS_MAX {
        return Err(Refusal::invalid(format!(
            "A search can be paged through at most {CRM_SEARCH_DEPTH_OBJECTS_MAX} results; narrow the filters"
        )));
    }
    let (sort, descending) = order(table, &body.sorts)?;
    let groups = groups(table, body)?;

    let matches = match index_of(table, &sort) {
        Some(index) => indexed(table, index, &sort, descending, &groups, after, limit),
        None => sorted(table, &sort, descending, &groups, after, limit),
    };
    let (total, ids) = matches;
    let objects: Vec<&Object> = ids.iter().filter_map(|id| table.get(*id)).collect();
    let end = after + objects.len();
    Ok(Found { total, next: (end < total && !objects.is_empty()).then_some(end), objects })
}

fn order(table: &Table, sorts: &[SortBody]) -> Result<(String, bool), Refusal> {
    let (name, descending) = match sorts {
        [] => (CREATED, false),
        [SortBody::Text(text)] => text.strip_prefix('-').map_or((text.as_str(), false), |name| (name, true)),
        [SortBody::Full(sort)] => match sort.direction.as_deref() {
            None | Some("ASCENDING") => (sort.property_name.as_str(), false),
            Some("DESCENDING") => (sort.property_name.as_str(), true),
            Some(other) => {
                return Err(Refusal::invalid(format!("direction \"{other}\" is not ASCENDING or DESCENDING")));
            }
        },
        _ => return Err(Refusal::invalid("Only one sort can be given")),
    };
    if table.schema.property(name).is_none() {
        return Err(Refusal::no_property(name));
    }
    Ok((name.to_owned(), descending))
}

fn groups(table: &Table, body: &SearchBody) -> Result<Vec<Vec<Filter>>, Refusal> {
    if body.filter_groups.len() > CRM_SEARCH_GROUPS_MAX {
        return Err(Refusal::invalid(format!("At most {CRM_SEARCH_GROUPS_MAX} filterGroups are allowed")));
    }
    let mut groups = Vec::new();
    for group in &body.filter_groups {
        if group.filters.is_empty() || group.filters.len() > CRM_SEARCH_FILTERS_MAX {
            return Err(Refusal::invalid(format!("A filter group has between 1 and {CRM_SEARCH_FILTERS_MAX} filters")));
        }
        groups.push(group.filters.iter().map(|filter| compile(table, filter)).collect::<Result<Vec<_>, _>>()?);
    }
    if groups.is_empty() {
        groups.push(Vec::new());
    }
    if let Some(text) = body.query.as_deref().filter(|text| !text.is_empty()) {
        let query = Filter { property: String::new(), kind: PropertyType::String, test: Test::Query(text.to_lowercase()) };
        groups.iter_mut().for_each(|group| group.push(query.clone()));
    }
    Ok(groups)
}

fn index_of<'a>(table: &'a Table, sort: &str) -> Option<&'a SortedIndex> {
    match sort {
        OBJECT_ID => Some(&table.by_id),
        CREATED => Some(&table.by_created),
        _ if sort == table.schema.modified_property => Some(&table.by_modified),
        _ => None,
    }
}

/// A few ids that hold all matches, where every group names a unique value or an id.
fn named(table: &Table, groups: &[Vec<Filter>]) -> Option<Vec<u64>> {
    let mut ids = Vec::new();
    for group in groups {
        let filter = group
            .iter()
            .find(|f| (table.is_unique(&f.property) || f.property == OBJECT_ID) && matches!(f.test, Test::Eq(_) | Test::In(_)))?;
        let wanted = match &filter.test {
            Test::Eq(value) => std::slice::from_ref(value),
            Test::In(values) => values,
            _ => return None,
        };
        for value in wanted {
            let found = match value {
                Comparable::Text(text) => table.by_unique(&filter.property, text),
                Comparable::Number(number) => {
                    u64::try_from(*number).ok().and_then(|id| table.live(id)).filter(|o| Decimal::from(o.id) == *number)
                }
                Comparable::Time(_) => None,
            };
            ids.extend(found.map(|object| object.id));
        }
    }
    ids.sort_unstable();
    ids.dedup();
    Some(ids)
}

fn any_group(table: &Table, groups: &[Vec<Filter>], object: &Object) -> bool {
    groups.iter().any(|group| group.iter().all(|filter| filter.holds(table, object)))
}

fn indexed(
    table: &Table,
    index: &SortedIndex,
    sort: &str,
    descending: bool,
    groups: &[Vec<Filter>],
    after: usize,
    limit: usize,
) -> (usize, Vec<u64>) {
    if let Some(ids) = named(table, groups) {
        let mut found: Vec<&Object> =
            ids.iter().filter_map(|id| table.live(*id)).filter(|o| any_group(table, groups, o)).collect();
        found.sort_by_key(|object| {
            let key = if sort == OBJECT_ID {
                signed(object.id)
            } else if sort == CREATED {
                object.created
            } else {
                object.modified
            };
            (key, object.id)
        });
        if descending {
            found.reverse();
        }
        let total = found.len();
        return (total, found.iter().skip(after).take(limit).map(|object| object.id).collect());
    }
    let spans: Vec<Span> = groups.iter().map(|group| span(index, sort, group)).collect();
    let mut edges: Vec<usize> = spans.iter().flat_map(|span| [span.from, span.to]).collect();
    edges.sort_unstable();
    edges.dedup();

    // Between two edges the same groups apply: all objects match where one of them has nothing left to check.
    let mut pieces: Vec<(usize, usize, Option<Vec<u64>>)> = Vec::new();
    for edge in edges.windows(2) {
        let (from, to) = (edge[0], edge[1]);
        let here: Vec<&Span> = spans.iter().filter(|span| span.from <= from && to <= span.to).collect();
        if here.is_empty() {
            continue;
        }
        if here.iter().any(|span| span.rest.is_empty()) {
            pieces.push((from, to, None));
            continue;
        }
        let holds = |object: &Object| here.iter().any(|span| span.rest.iter().all(|filter| filter.holds(table, object)));
        let ids = index.slice(from..to).map(|(_, id)| id).filter(|id| table.live(*id).is_some_and(holds)).collect();
        pieces.push((from, to, Some(ids)));
    }
    if descending {
        pieces.reverse();
    }
    let mut total = 0;
    let mut page = Vec::new();
    for (from, to, some) in pieces {
        let size = some.as_ref().map_or(to - from, Vec::len);
        let skip = after.saturating_sub(total).min(size);
        let take = (limit - page.len()).min(size - skip);
        total += size;
        if take == 0 {
            continue;
        }
        let window = if descending { size - skip - take..size - skip } else { skip..skip + take };
        let mut ids: Vec<u64> = match some {
            Some(ids) => ids[window].to_vec(),
            None => index.slice(from + window.start..from + window.end).map(|(_, id)| id).collect(),
        };
        if descending {
            ids.reverse();
        }
        page.extend(ids);
    }
    (total, page)
}

fn span(index: &SortedIndex, sort: &str, group: &[Filter]) -> Span {
    let (mut low, mut high) = (i64::MIN, i64::MAX);
    let mut rest = Vec::new();
    for filter in group {
        match filter.range(sort) {
            Some((from, to)) => {
                low = low.max(from);
                high = high.min(to);
            }
            None => rest.push(filter.clone()),
        }
    }
    let from = index.rank((low, 0));
    let to = if high == i64::MAX { index.len() } else { index.rank((high, 0)) };
    Span { from, to: to.max(from), rest }
}

/// Any other order: every match is found, then sorted. Objects without a value come last.
fn sorted(table: &Table, sort: &str, descending: bool, groups: &[Vec<Filter>], after: usize, limit: usize) -> (usize, Vec<u64>) {
    let kind = table.schema.property(sort).map_or(PropertyType::String, |property| property.kind);
    let candidates: Vec<u64> =
        named(table, groups).unwrap_or_else(|| table.by_created.slice(0..table.by_created.len()).map(|(_, id)| id).collect());
    let mut found: Vec<(Option<Comparable>, u64)> = candidates
        .into_iter()
        .filter_map(|id| table.live(id))
        .filter(|object| any_group(table, groups, object))
        .map(|object| {
            let value = object.value(&table.schema, sort).filter(|text| !text.is_empty());
            (value.and_then(|text| comparable(kind, &text)), object.id)
        })
        .collect();
    found.sort_by(|(a, x), (b, y)| {
        let values = match (a, b) {
            (Some(a), Some(b)) if descending => b.cmp(a),
            (Some(a), Some(b)) => a.cmp(b),
            (a, b) => b.is_some().cmp(&a.is_some()),
        };
        values.then(x.cmp(y))
    });
    let total = found.len();
    (total, found.into_iter().skip(after).take(limit).map(|(_, id)| id).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        crm::{object::Object, schema::ObjectSchema},
        time,
    };
    use proptest::prelude::*;
    use serde_json::json;

    fn table(times: &[i64]) -> Table {
        let mut table = Table::new(ObjectSchema::contacts());
        for (index, ms) in times.iter().enumerate() {
            let mut object = Object::new(100 + index as u64, 1_000 + index as i64);
            object.modified = *ms;
            object.values.insert("firstname".into(), format!("n{}", ms % 3));
            if index % 4 == 0 {
                object.archived_at = Some(5_000);
            }
            table.put(object);
        }
        table
    }

    fn filter() -> impl Strategy<Value = Value> {
        let op = prop::sample::select(vec!["EQ", "GT", "GTE", "LT", "LTE"]);
        prop_oneof![
            (op.clone(), 0i64..40)
                .prop_map(|(op, v)| json!({"propertyName": "lastmodifieddate", "operator": op, "value": v.to_string()})),
            (op, 95u64..160).prop_map(|(op, v)| json!({"propertyName": "hs_object_id", "operator": op, "value": v.to_string()})),
            (0i64..3).prop_map(|v| json!({"propertyName": "firstname", "operator": "EQ", "value": format!("N{v}")})),
            Just(json!({"propertyName": "lastname", "operator": "NOT_HAS_PROPERTY"})),
            Just(json!({"propertyName": "firstname", "operator": "HAS_PROPERTY"})),
        ]
    }

    proptest! {
        /// The quick way finds what looking at every object finds.
        #[test]
        fn pages_agree_with_a_full_scan(
            times in prop::collection::vec(0i64..40, 0..60),
            groups in prop::collection::vec(prop::collection::vec(filter(), 1..4), 0..4),
            sort in prop::sample::select(vec!["lastmodifieddate", "hs_object_id", "createdate", "firstname"]),
            descending in any::<bool>(),
            limit in 1usize..20,
        ) {
            let table = table(&times);
            let body = |after: usize| -> SearchBody {
                let groups: Vec<Value> = groups.iter().map(|filters| json!({"filters": filters})).collect();
                let direction = if descending { "DESCENDING" } else { "ASCENDING" };
                serde_json::from_value(json!({"filterGroups": groups, "sorts": [{"propertyName": sort, "direction": direction}], "limit": limit, "after": after.to_string()})).unwrap()
            };
            let compiled = super::groups(&table, &body(0)).unwrap();
            let mut want: Vec<&Object> = table.all().filter(|o| o.live() && any_group(&table, &compiled, o)).collect();
            let key = |o: &Object| match sort { "lastmodifieddate" => (o.modified, o.id), "createdate" => (o.created, o.id), "firstname" => (o.modified % 3, o.id), _ => (0, o.id) };
            if sort == "firstname" {
                want.sort_by(|a, b| { let c = (a.modified % 3).cmp(&(b.modified % 3)); (if descending { c.reverse() } else { c }).then(a.id.cmp(&b.id)) });
            } else {
                want.sort_by_key(|o| key(o));
                if descending { want.reverse(); }
            }
            let want: Vec<u64> = want.iter().map(|o| o.id).collect();
            let (mut got, mut after) = (Vec::new(), Some(0));
            while let Some(at) = after {
                let found = search(&table, &body(at)).unwrap();
                prop_assert_eq!(found.total, want.len());
                got.extend(found.objects.iter().map(|o| o.id));
                after = found.next;
            }
            prop_assert_eq!(got, want);
        }
    }

    #[test]
    fn times_in_both_spellings_are_the_same() {
        assert_eq!(comparable(PropertyType::Datetime, &time::iso(1_748_764_800_123)), Some(Comparable::Time(1_748_764_800_123)));
        assert_eq!(comparable(PropertyType::Datetime, "1748764800123"), Some(Comparable::Time(1_748_764_800_123)));
    }
}
