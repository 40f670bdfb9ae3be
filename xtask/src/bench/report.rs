//! Figures put together and written down.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::load::median;
use super::peers::Contender;
use super::rows::{Better, Figure, Row};

/// What stands between these in the old file is kept in the new one.
const BEHIND_BEGINS: &str = "<!-- behind: begin -->";
const BEHIND_ENDS: &str = "<!-- behind: end -->";

/// A server, and the variants shown in its column.
type Column = (Contender, &'static [(Contender, &'static str)]);

/// The columns there may be; a table has those of the servers that speak its protocol.
const COLUMNS: &[Column] = &[
    (
        Contender::Wharf,
        &[
            (Contender::WharfFull, "`full`"),
            (Contender::WharfForgetful, "no memory"),
        ],
    ),
    (Contender::Vsftpd, &[]),
    (
        Contender::PureFtpd,
        &[(Contender::PureFtpdArgon, "argon2id")],
    ),
    (Contender::ProFtpd, &[]),
    (Contender::OpenSsh, &[]),
    (Contender::Ceiling, &[]),
];

/// What came of measuring one server in one row.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// One for each round; in each, one number for each figure of the row.
    pub(crate) samples: Vec<Vec<f64>>,
    pub(crate) failure: Option<String>,
}

impl Outcome {
    fn median(&self, figure: usize) -> Option<f64> {
        if self.failure.is_some() || self.samples.is_empty() {
            return None;
        }
        let numbers = self
            .samples
            .iter()
            .filter_map(|sample| sample.get(figure).copied());
        Some(median(numbers.collect()))
    }
}

/// All that was measured.
#[derive(Debug, Default)]
pub(crate) struct Results {
    outcomes: BTreeMap<(&'static str, Contender), Outcome>,
}

impl Results {
    pub(crate) fn outcome(&mut self, row: &Row, contender: Contender) -> &mut Outcome {
        self.outcomes.entry((row.id, contender)).or_default()
    }

    pub(crate) fn failures(&self) -> Vec<String> {
        let failed = |((row, contender), outcome): (&(&str, Contender), &Outcome)| {
            let failure = outcome.failure.as_ref()?;
            Some(format!("{row}, {}: {failure}", contender.name()))
        };
        self.outcomes.iter().filter_map(failed).collect()
    }

    /// The median of a figure and its ratio to the best peer's; above 1 is better than that.
    fn cell(&self, row: &Row, figure: usize, contender: Contender) -> String {
        if let Some(reason) = row.lacks(contender) {
            return reason.to_owned();
        }
        let Some(outcome) = self.outcomes.get(&(row.id, contender)) else {
            return "–".to_owned();
        };
        let Some(value) = outcome.median(figure) else {
            return "failed".to_owned();
        };
        let better = row.figures[figure].better;
        match self.best_peer(row, figure, better) {
            Some(best) if contender != Contender::Ceiling => {
                format!("{} ({})", number(value), ratio(value, best, better))
            }
            _ => number(value),
        }
    }

    fn best_peer(&self, row: &Row, figure: usize, better: Better) -> Option<f64> {
        let medians = Contender::ALL
            .iter()
            .filter(|contender| contender.is_peer())
            .filter_map(|contender| self.outcomes.get(&(row.id, *contender))?.median(figure));
        match better {
            Better::Higher => medians.max_by(f64::total_cmp),
            Better::Lower => medians.min_by(f64::total_cmp),
            Better::Neither => None,
        }
    }

    /// The figures of FTP and of SFTP, which have their servers beside them.
    pub(crate) fn table(&self, rows: &[&Row]) -> String {
        let (sftp, ftp): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| row.is_sftp());
        let tables = [ftp, sftp]
            .into_iter()
            .filter(|rows| !rows.is_empty())
            .map(|rows| self.table_of(&rows));
        tables.collect::<Vec<_>>().join("\n")
    }

    /// One table, a line for each figure.
    fn table_of(&self, rows: &[&Row]) -> String {
        let columns: Vec<&Column> = COLUMNS
            .iter()
            .filter(|(contender, _)| rows.iter().any(|row| row.invites(*contender)))
            .collect();
        let mut text = String::from("| measured | figure |");
        for (contender, _) in &columns {
            let _ = write!(text, " {} |", contender.title());
        }
        text.push_str("\n| --- | --- |");
        text.push_str(&" ---: |".repeat(columns.len()));
        text.push('\n');
        for row in rows {
            for (index, figure) in row.figures.iter().enumerate() {
                self.line(&mut text, &columns, row, index, figure);
            }
        }
        text
    }

    fn line(
        &self,
        text: &mut String,
        columns: &[&Column],
        row: &Row,
        index: usize,
        figure: &Figure,
    ) {
        let title = if index == 0 { row.title } else { "" };
        let _ = write!(text, "| {title} | {} |", figure.name);
        for (contender, variants) in columns {
            let mut cell = self.cell(row, index, *contender);
            for (variant, label) in *variants {
                if self.outcomes.contains_key(&(row.id, *variant)) {
                    let _ = write!(cell, "; {label}: {}", self.cell(row, index, *variant));
                }
            }
            let _ = write!(text, " {cell} |");
        }
        text.push('\n');
    }

    /// Every number that went into the table, in the order it was measured.
    pub(crate) fn samples(&self, rows: &[&Row]) -> String {
        let mut text = String::from(
            "| measured | figure | server | each round |\n| --- | --- | --- | --- |\n",
        );
        for row in rows {
            for contender in Contender::ALL {
                let Some(outcome) = self.outcomes.get(&(row.id, *contender)) else {
                    continue;
                };
                for (index, figure) in row.figures.iter().enumerate() {
                    let each: Vec<String> = outcome
                        .samples
                        .iter()
                        .filter_map(|sample| sample.get(index).copied().map(number))
                        .collect();
                    let _ = writeln!(
                        text,
                        "| {} | {} | {} | {} |",
                        row.id,
                        figure.name,
                        contender.title(),
                        each.join(" · ")
                    );
                }
            }
        }
        text
    }
}

/// The hand-written part of the old file, or its empty frame.
pub(crate) fn behind(old: &str) -> String {
    let kept = old
        .split_once(BEHIND_BEGINS)
        .and_then(|(_, rest)| rest.split_once(BEHIND_ENDS))
        .map_or("\n", |(kept, _)| kept);
    format!("{BEHIND_BEGINS}{kept}{BEHIND_ENDS}\n")
}

fn ratio(value: f64, best: f64, better: Better) -> String {
    let ratio = match better {
        Better::Higher => value / best,
        Better::Lower => best / value,
        Better::Neither => f64::NAN,
    };
    if ratio.is_finite() && ratio > 0.0 {
        // As many digits as tell one ratio from the next.
        let digits = usize::from(ratio < 10.0) + usize::from(ratio < 2.0);
        format!("{ratio:.digits$}×")
    } else {
        "–".to_owned()
    }
}

/// A number with about three digits, thousands apart.
fn number(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        size if size >= 0.1 || size == 0.0 => 3,
        size if size >= 0.01 => 4,
        _ => 5,
    };
    let plain = format!("{:.digits$}", value.abs());
    let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
    let mut text = String::from(if value < 0.0 { "-" } else { "" });
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    if !fraction.is_empty() {
        text.push('.');
        text.push_str(fraction);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::rows::ROWS;
    use super::*;

    fn results(id: &str, numbers: &[(Contender, f64)]) -> (Results, &'static Row) {
        let row = ROWS.iter().find(|row| row.id == id).unwrap();
        let mut results = Results::default();
        for (contender, value) in numbers {
            let sample = vec![*value; row.figures.len()];
            results.outcome(row, *contender).samples.push(sample);
        }
        (results, row)
    }

    #[test]
    fn ratios_are_to_the_best_peer_whichever_way_is_better() {
        let all = [
            (Contender::Wharf, 30.0),
            (Contender::Vsftpd, 20.0),
            (Contender::ProFtpd, 10.0),
            (Contender::Ceiling, 90.0),
        ];
        let (results, row) = results("download-1", &all);
        assert_eq!(results.cell(row, 0, Contender::Wharf), "30.0 (1.50×)");
        assert_eq!(results.cell(row, 0, Contender::ProFtpd), "10.0 (0.50×)");
        assert_eq!(results.cell(row, 1, Contender::Wharf), "30.0 (0.33×)");
        assert_eq!(results.cell(row, 1, Contender::ProFtpd), "10.0 (1.00×)");
        assert_eq!(results.cell(row, 0, Contender::Ceiling), "90.0");
    }

    #[test]
    fn a_failure_gives_no_figure() {
        let (mut results, row) = results("upload", &[(Contender::Vsftpd, 20.0)]);
        results.outcome(row, Contender::Vsftpd).failure = Some("426".to_owned());
        assert_eq!(results.cell(row, 0, Contender::Vsftpd), "failed");
        assert_eq!(results.best_peer(row, 0, Better::Higher), None);
        assert_eq!(results.failures(), ["upload, vsftpd: 426"]);
    }

    #[test]
    fn variants_share_the_cell_of_their_server() {
        let all = [(Contender::Wharf, 3.0), (Contender::WharfFull, 2.0)];
        let (results, row) = results("upload", &all);
        let table = results.table(&[row]);
        assert!(table.contains("| 3.00; `full`: 2.00 |"), "{table}");
    }

    #[test]
    fn ftp_and_sftp_have_tables_of_their_own() {
        let ids = ["download-1", "sftp-download-1"];
        let rows: Vec<&Row> = ids
            .iter()
            .map(|id| ROWS.iter().find(|row| row.id == *id).unwrap())
            .collect();
        let text = Results::default().table(&rows);
        let heads: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with("| measured"))
            .collect();
        assert_eq!(
            heads,
            [
                "| measured | figure | wharf | vsftpd | Pure-FTPd | ProFTPD | (generator) |",
                "| measured | figure | wharf | ProFTPD | OpenSSH |",
            ]
        );
    }

    #[test]
    fn numbers_keep_three_digits() {
        assert_eq!(number(1234567.8), "1\u{202f}234\u{202f}568");
        assert_eq!(number(-123.4), "-123");
        assert_eq!(number(12.34), "12.3");
        assert_eq!(number(0.01234), "0.0123");
    }

    #[test]
    fn what_was_written_by_hand_is_kept() {
        let old = format!("a\n{BEHIND_BEGINS}\nmine\n{BEHIND_ENDS}\nb");
        assert_eq!(
            behind(&old),
            format!("{BEHIND_BEGINS}\nmine\n{BEHIND_ENDS}\n")
        );
        assert_eq!(behind(""), format!("{BEHIND_BEGINS}\n{BEHIND_ENDS}\n"));
    }
}
