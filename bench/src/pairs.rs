//! Two things measured alternately in one run, so that whatever else the machine does meets both.

use std::time::Duration;

use serde_json::{Value, json};

use crate::Outcome;

/// What one of the two did in one turn.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sample {
    pub(crate) operations: f64,
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
}

impl Sample {
    /// Operations a second.
    pub(crate) fn rate(&self) -> f64 {
        self.operations / self.wall.as_secs_f64()
    }

    /// Processor time of one operation in microseconds.
    pub(crate) fn cpu_micros(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.operations
    }
}

/// Pairs of a yardstick and the thing measured against it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pairs(pub(crate) Vec<(Sample, Sample)>);

/// The median of the pairs' ratios and the least favourable one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ratio {
    pub(crate) median: f64,
    pub(crate) worst: f64,
}

/// Runs both alternately, A B B A A B B A …
pub(crate) fn interleave(
    pairs: usize,
    mut yardstick: impl FnMut() -> Outcome<Sample>,
    mut ours: impl FnMut() -> Outcome<Sample>,
) -> Outcome<Pairs> {
    let mut found = Vec::with_capacity(pairs);
    for pair in 0..pairs {
        let (a, b) = if pair % 2 == 0 {
            let a = yardstick()?;
            (a, ours()?)
        } else {
            let b = ours()?;
            (yardstick()?, b)
        };
        found.push((a, b));
    }
    Ok(Pairs(found))
}

impl Pairs {
    /// Our throughput by the yardstick's: more is better.
    pub(crate) fn throughput(&self) -> Ratio {
        let ratios = sorted(self.0.iter().map(|(a, b)| b.rate() / a.rate()));
        Ratio { median: median(&ratios), worst: ratios.first().copied().unwrap_or_default() }
    }

    /// Our processor time by the yardstick's: less is better.
    pub(crate) fn cpu(&self) -> Ratio {
        let ratios = sorted(self.0.iter().map(|(a, b)| b.cpu_micros() / a.cpu_micros()));
        Ratio { median: median(&ratios), worst: ratios.last().copied().unwrap_or_default() }
    }

    pub(crate) fn yardstick_cpu(&self) -> f64 {
        median(&sorted(self.0.iter().map(|(a, _)| a.cpu_micros())))
    }

    pub(crate) fn yardstick_rate(&self) -> f64 {
        median(&sorted(self.0.iter().map(|(a, _)| a.rate())))
    }

    pub(crate) fn our_cpu(&self) -> f64 {
        median(&sorted(self.0.iter().map(|(_, b)| b.cpu_micros())))
    }

    pub(crate) fn our_rate(&self) -> f64 {
        median(&sorted(self.0.iter().map(|(_, b)| b.rate())))
    }

    /// Every pair, for the results file.
    pub(crate) fn to_json(&self) -> Value {
        let side =
            |one: &Sample| json!({ "per_second": rounded(one.rate()), "cpu_us": rounded(one.cpu_micros()) });
        self.0.iter().map(|(a, b)| json!({ "yardstick": side(a), "ours": side(b) })).collect()
    }
}

impl Ratio {
    pub(crate) fn to_json(self) -> Value {
        json!({ "median": rounded(self.median), "worst": rounded(self.worst) })
    }
}

/// Three decimals: more would pretend.
pub(crate) fn rounded(value: f64) -> f64 {
    if value.is_finite() { (value * 1000.0).round() / 1000.0 } else { 0.0 }
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values
}

fn median(sorted: &[f64]) -> f64 {
    let upper = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
    let lower = sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or_default();
    f64::midpoint(lower, upper)
}
