//! The numbers of a status as Prometheus reads them. What the command line, the API and this say comes from one function, the
//! status; here it is only spelled.

use std::fmt;

use nave_core::meter::LATENCY_BUCKETS_MS;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use crate::api::{FlowStatus, StatusAnswer};

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
            flow.meter.failures.iter().map(|(class, count)| (with(flow, &[("class", class)]), *count)).collect::<Vec<_>>()
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
        let letters = self.0.set_aside.iter().map(|of| (labels(&[("flow", &of.flow), ("class", &of.class)]), of.count as f64));
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
