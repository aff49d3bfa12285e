//! The numbers of a status as Prometheus reads them. What the command line, the API and this say comes from one function, the
//! status; here it is only spelled.

use std::collections::BTreeMap;
use std::fmt;

use nave_core::meter::LATENCY_BUCKETS_MS;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use crate::api::{FlowStatus, StatusAnswer};
use crate::runbooks::counted_as;

/// What answers are labelled with.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The text of a status.
///
/// # Errors
/// Where it cannot be written; the encoder says no more.
pub fn text(status: &StatusAnswer) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Snapshot(status.clone())));
    let mut out = String::new();
    text::encode(&mut out, &registry)?;
    Ok(out)
}

#[derive(Debug)]
struct Snapshot(StatusAnswer);

type Labels = Vec<(String, String)>;

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The labels of a flow.
fn of(flow: &FlowStatus) -> Vec<(&'static str, &str)> {
    vec![("flow", &flow.flow), ("connection", &flow.connection), ("process", &flow.process)]
}

fn with<'a>(flow: &'a FlowStatus, more: &[(&'a str, &'a str)]) -> Labels {
    labels(&of(flow).into_iter().chain(more.iter().copied()).collect::<Vec<_>>())
}

/// Counts by class, of which there are few: a label that a plugin chose would be a series for each of its whims.
fn by_class<'a>(counts: impl Iterator<Item = (&'a str, u64)>) -> BTreeMap<&'static str, u64> {
    let mut sums = BTreeMap::new();
    counts.for_each(|(class, count)| *sums.entry(counted_as(class)).or_default() += count);
    sums
}

/// A name that holds two words: `in success`.
fn pair(name: &str) -> (&str, &str) {
    name.split_once(' ').unwrap_or((name, ""))
}

fn gauges(out: &mut DescriptorEncoder<'_>, name: &str, help: &str, values: Vec<(Labels, f64)>) -> fmt::Result {
    let mut metric = out.encode_descriptor(name, help, None, MetricType::Gauge)?;
    values.iter().try_for_each(|(labels, value)| metric.encode_family(labels)?.encode_gauge(value))
}

fn counters(out: &mut DescriptorEncoder<'_>, name: &str, help: &str, values: Vec<(Labels, u64)>) -> fmt::Result {
    let mut metric = out.encode_descriptor(name, help, None, MetricType::Counter)?;
    values.iter().try_for_each(|(labels, value)| metric.encode_family(labels)?.encode_counter::<NoLabelSet, _, u64>(value, None))
}

impl Collector for Snapshot {
    fn encode(&self, mut out: DescriptorEncoder<'_>) -> fmt::Result {
        let flows = &self.0.flows;
        let out = &mut out;
        {
            let help = "From the time that a source says a change was made to the confirmation of its write";
            let mut metric = out.encode_descriptor("nave_change_latency_seconds", help, None, MetricType::Histogram)?;
            for flow in flows.iter().filter(|flow| flow.writes) {
                let latency = &flow.meter.latency;
                let ends = LATENCY_BUCKETS_MS.iter().map(|ms| *ms as f64 / 1_000.0).chain([f64::MAX]);
                let buckets: Vec<(f64, u64)> =
                    ends.enumerate().map(|(at, end)| (end, latency.buckets.get(at).copied().unwrap_or_default())).collect();
                metric.encode_family(&labels(&of(flow)))?.encode_histogram::<NoLabelSet>(
                    latency.sum_ms as f64 / 1_000.0,
                    latency.count,
                    &buckets,
                    None,
                )?;
            }
        }
        let writing = || flows.iter().filter(|flow| flow.writes);
        let attempts = writing().map(|flow| (with(flow, &[]), flow.meter.attempts)).collect();
        counters(out, "nave_attempts", "Deliveries sent", attempts)?;
        let failures = writing().flat_map(|flow| {
            let of = by_class(flow.meter.failures.iter().map(|(class, count)| (class.as_str(), *count)));
            of.into_iter().map(|(class, count)| (with(flow, &[("class", class)]), count)).collect::<Vec<_>>()
        });
        counters(out, "nave_failures", "Deliveries that came to nothing, by class", failures.collect())?;
        let runs = flows.iter().flat_map(|flow| {
            let line = |(name, count): (&String, &u64)| {
                let (direction, status) = pair(name);
                (with(flow, &[("direction", direction), ("status", status)]), *count)
            };
            flow.meter.runs.iter().map(line).collect::<Vec<_>>()
        });
        counters(out, "nave_runs", "Runs, by how they ended", runs.collect())?;
        let records = flows.iter().flat_map(|flow| {
            let line = |(name, count): (&String, &u64)| {
                let (direction, became) = pair(name);
                (with(flow, &[("direction", direction), ("became", became)]), *count)
            };
            flow.meter.records.iter().map(line).collect::<Vec<_>>()
        });
        counters(out, "nave_records", "What runs accounted for: every record read and every write wanted", records.collect())?;
        let near = flows.iter().map(|flow| (with(flow, &[]), flow.meter.near_misses)).collect();
        counters(out, "nave_near_miss_echoes", "Values that a system changed again within a minute of our write", near)?;
        let misfits = writing().flat_map(|flow| {
            flow.meter.misfits.iter().map(|(policy, count)| (with(flow, &[("policy", policy)]), *count)).collect::<Vec<_>>()
        });
        counters(out, "nave_misfits", "Values that did not fit the field that they go to, by policy", misfits.collect())?;
        let oldest = writing().map(|flow| (with(flow, &[]), flow.oldest_pending_s.unwrap_or_default() as f64)).collect();
        gauges(
            out,
            "nave_oldest_pending_seconds",
            "Age of the oldest change that was not delivered; 0 where nothing waits",
            oldest,
        )?;
        let pending = flows.iter().map(|flow| (with(flow, &[]), flow.pending as f64)).collect();
        gauges(out, "nave_pending", "Records to be compared", pending)?;
        let parked = flows.iter().map(|flow| (with(flow, &[]), flow.parked as f64)).collect();
        gauges(out, "nave_parked", "Deliveries that wait for their next try", parked)?;
        let mut aside: BTreeMap<&str, Vec<(&str, u64)>> = BTreeMap::new();
        for of in &self.0.set_aside {
            aside.entry(&of.flow).or_default().push((&of.class, of.count));
        }
        let letters = aside.into_iter().flat_map(|(flow, of)| {
            let line = move |(class, count)| (labels(&[("flow", flow), ("class", class)]), count as f64);
            by_class(of.into_iter()).into_iter().map(line)
        });
        gauges(out, "nave_dead_letters", "What is set aside, by class", letters.collect())?;
        let breakers =
            self.0.systems.iter().map(|of| (labels(&[("connection", &of.connection)]), f64::from(of.breaker == "open")));
        gauges(out, "nave_breaker_open", "1 where a system does not answer and nothing is sent to it", breakers.collect())?;
        let requests = self.0.systems.iter().map(|of| (labels(&[("connection", &of.connection)]), of.requests)).collect();
        counters(out, "nave_requests", "HTTP requests to a system since the hub started", requests)?;
        let skews = self
            .0
            .systems
            .iter()
            .filter_map(|of| Some((labels(&[("connection", &of.connection)]), of.skew_ms? as f64 / 1_000.0)));
        gauges(out, "nave_clock_skew_seconds", "How far a system's clock is ahead, by its answers", skews.collect())?;
        gauges(out, "nave_reviews", "Open reviews", vec![(labels(&[]), self.0.reviews as f64)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::SetAside;

    /// T115: however many classes a plugin makes up, there are as many series as before, and no label holds what a record says.
    #[test]
    fn labels_are_few_and_words() {
        let mut flow = FlowStatus { flow: "crm".into(), writes: true, ..FlowStatus::default() };
        let forged = "x\"} 7\nnave_attempts_total{flow=\"forged\"";
        flow.meter.failures = (0..1_000).map(|number| (format!("made-up-{number}"), 1)).collect();
        flow.meter.failures.extend([("length".to_owned(), 3), ("unavailable".to_owned(), 2), (forged.to_owned(), 1)]);
        let aside = |class: &str| SetAside { flow: "crm".into(), class: class.into(), count: 2 };
        let set_aside = vec![aside("made-up-1"), aside("length"), aside(forged), aside("other")];
        let text = text(&StatusAnswer { flows: vec![flow], set_aside, ..StatusAnswer::default() }).unwrap();
        let lines = |name: &str| -> Vec<String> {
            let of = text.lines().filter(|line| line.starts_with(name)).map(|line| {
                let class = line.split("class=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
                format!("{class} {}", line.rsplit(' ').next().unwrap_or_default())
            });
            of.collect()
        };
        assert_eq!(lines("nave_failures_total{"), ["length 3", "other 1001", "unavailable 2"], "{text}");
        assert_eq!(lines("nave_dead_letters{"), ["length 2.0", "other 6.0"], "{text}");
        assert!(!text.contains("forged") && !text.contains("made-up"), "{text}");
    }
}
