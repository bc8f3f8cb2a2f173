//! What a run found, as a table for people and as files for later.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::Outcome;

/// One line of the result.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) goal: String,
    pub(crate) figure: String,
    /// `None` where there is no goal.
    pub(crate) met: Option<bool>,
    pub(crate) detail: Value,
}

/// All lines of a run.
pub(crate) struct Report {
    machine: Value,
    rows: Vec<Row>,
}

impl Report {
    pub(crate) fn new(machine: Value) -> Report {
        Report { machine, rows: Vec::new() }
    }

    /// Notes a line and shows it at once.
    pub(crate) fn add(&mut self, row: Row) {
        println!("{:4} {:44} {}\n{:49} goal {}", mark(row.met), row.name, row.figure, "", row.goal);
        self.rows.push(row);
    }

    /// A fact about the machine that is known at the end only.
    pub(crate) fn note(&mut self, name: &str, value: Value) {
        if let Some(machine) = self.machine.as_object_mut() {
            machine.insert(name.to_owned(), value);
        }
    }

    /// Writes `out` (JSON) and a table beside it.
    pub(crate) fn write(&self, out: &Path) -> Outcome<()> {
        if let Some(folder) = out.parent() {
            fs::create_dir_all(folder)?;
        }
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|row| {
                json!({
                    "name": row.name, "goal": row.goal, "figure": row.figure, "met": row.met, "detail": row.detail,
                })
            })
            .collect();
        let whole = json!({ "machine": self.machine, "rows": rows });
        fs::write(out, format!("{whole:#}\n"))?;
        fs::write(out.with_extension("md"), self.markdown())?;
        println!("\nwritten to {}", out.display());
        Ok(())
    }

    fn markdown(&self) -> String {
        let mut text = String::from("# Identity: measured\n\n");
        for (name, value) in self.machine.as_object().into_iter().flatten() {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            _ = writeln!(text, "- {name}: {value}");
        }
        text.push_str("\n| | measured | goal | found |\n| --- | --- | --- | --- |\n");
        for row in &self.rows {
            // Writing to a string cannot fail.
            _ = writeln!(text, "| {} | {} | {} | {} |", mark(row.met), row.name, row.goal, row.figure);
        }
        text
    }
}

const fn mark(met: Option<bool>) -> &'static str {
    match met {
        Some(true) => "met",
        Some(false) => "MISS",
        None => "",
    }
}
