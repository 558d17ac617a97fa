//! One broken rule: where, and why it is one.

use std::fmt;

/// A line that breaks a rule.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    pub file: String,
    pub line: usize,
    pub reason: String,
}

impl Finding {
    pub fn new(file: &str, line: usize, reason: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, reason: reason.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.reason)
    }
}

/// Fails with every finding on a line of its own.
pub fn report(findings: Vec<Finding>) -> anyhow::Result<()> {
    let lines: Vec<String> = findings.iter().map(Finding::to_string).collect();
    anyhow::ensure!(lines.is_empty(), "{} broken rules:\n{}", lines.len(), lines.join("\n"));
    Ok(())
}

#[test]
fn a_report_names_file_line_and_reason() {
    let told = report(vec![Finding::new("a/b.rs", 7, "too long")]).map_err(|e| e.to_string());
    assert_eq!(told, Err("1 broken rules:\na/b.rs:7: too long".to_owned()));
    assert!(report(Vec::new()).is_ok());
}
