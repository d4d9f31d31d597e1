//! What pages may not do: compute with money, or load anything from elsewhere.

use std::path::Path;

/// What a script would need to compute with money.
const ARITHMETIC_IN_SCRIPTS: [&str; 6] = ["parseFloat", "parseInt", "Number(", "BigInt", " * ", " / "];

/// No arithmetic in templates and scripts, nothing inline, nothing from elsewhere.
pub fn check(root: &Path, breaches: &mut Vec<String>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(root.join("crates/usance-server/templates"))? {
        let path = entry?.path();
        let (text, name) = (std::fs::read_to_string(&path)?, path.display().to_string());
        for foreign in ["<script>", "<style", " style=", "javascript:", "http://", "https://", " onclick"] {
            // The one address that is no address: the name of what an SVG is.
            if text.replace("http://www.w3.org/2000/svg", "").contains(foreign) {
                breaches.push(format!("{name} has {foreign}"));
            }
        }
        let shown = text.split("{{").skip(1).filter_map(|rest| rest.split("}}").next());
        let tested = text.split("{%").skip(1).filter_map(|rest| rest.split("%}").next());
        for expression in shown.chain(tested) {
            let bare: String = expression.split('"').step_by(2).collect();
            if ["+", "*", " / ", " - "].iter().any(|sign| bare.contains(sign)) {
                breaches.push(format!("{name} computes: {}", expression.trim()));
            }
        }
    }
    let script = std::fs::read_to_string(root.join("crates/usance-server/static/app.js"))?;
    let sums = ARITHMETIC_IN_SCRIPTS.iter().filter(|sum| script.contains(*sum));
    breaches.extend(sums.map(|sum| format!("static/app.js computes with {sum:?}")));
    Ok(())
}
