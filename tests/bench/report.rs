//! The figures, as a table and as JSON.

use serde_json::json;

struct Figure {
    name: String,
    value: f64,
    unit: &'static str,
    /// At most this; negative: at least its absolute value.
    target: Option<f64>,
}

#[derive(Default)]
pub(crate) struct Report {
    figures: Vec<Figure>,
}

impl Figure {
    fn verdict(&self) -> (String, Option<bool>) {
        match self.target {
            None => (String::new(), None),
            Some(least) if least < 0.0 => (format!("≥ {:.3}", -least), Some(self.value >= -least)),
            Some(most) => (format!("≤ {most:.3}"), Some(self.value <= most)),
        }
    }
}

impl Report {
    /// `target`: at most this; a negative one: at least its absolute value.
    pub(crate) fn add(&mut self, name: &str, value: f64, unit: &'static str, target: Option<f64>) {
        let figure = Figure { name: name.to_owned(), value, unit, target };
        eprintln!("  {name}: {value:.3} {unit}");
        self.figures.push(figure);
    }

    pub(crate) fn print(&self) {
        println!("\n{:<64} {:>12} {:<11} {:<12}", "figure", "value", "unit", "target");
        for figure in &self.figures {
            let (target, met) = figure.verdict();
            let mark = met.map_or("", |met| if met { "met" } else { "MISSED" });
            println!("{:<64} {:>12.3} {:<11} {target:<12} {mark}", figure.name, figure.value, figure.unit);
        }
    }

    /// Into the file with this name in the target directory.
    pub(crate) fn write(&self, name: &str) {
        let figures: Vec<_> = self
            .figures
            .iter()
            .map(|figure| {
                let (target, met) = figure.verdict();
                json!({"name": figure.name, "value": figure.value, "unit": figure.unit, "target": target, "met": met})
            })
            .collect();
        let path = crate::process::target_directory().join(name);
        std::fs::write(&path, serde_json::to_string_pretty(&figures).unwrap()).unwrap();
        println!("\nwritten to {}", path.display());
    }
}
