//! The arguments of `cargo xtask bench`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use super::peers::{Contender, Protocol};
use super::rows::{ROWS, Row};
use super::tls::Certificate;

/// What is asked for.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) rows: Vec<&'static Row>,
    pub(crate) contenders: Vec<Contender>,
    pub(crate) rounds: usize,
    pub(crate) quick: bool,
    pub(crate) profile: bool,
    /// Take the released binaries that are there.
    pub(crate) as_built: bool,
    /// As they were given, for the record.
    pub(crate) arguments: Vec<String>,
}

/// One of the things this command does.
#[derive(Debug)]
pub(crate) enum Call {
    Measure(Options),
    Help,
    /// Be the stand-in server; only for its own use.
    Stub {
        port: u16,
        files: PathBuf,
        certificate: Certificate,
    },
}

impl Options {
    /// Whether everything is measured as often as the published table wants it.
    pub(crate) fn is_full(&self) -> bool {
        !self.quick
            && !self.profile
            && !self.as_built
            && self.rounds >= 5
            && self.rows.len() == ROWS.len()
            && self.contenders.len() == Contender::ALL.len()
    }

    /// How long rows that count run in one round.
    pub(crate) fn seconds(&self, protocol: Protocol) -> f64 {
        match (self.profile, self.quick) {
            (true, _) => 10.0,
            (_, true) => 0.5,
            _ if protocol == Protocol::Ftps => 1.0,
            _ => 2.0,
        }
    }

    /// How often the large file is moved in one round.
    pub(crate) fn copies(&self, protocol: Protocol) -> u64 {
        match (self.profile, self.quick, protocol) {
            (true, _, Protocol::Ftp | Protocol::Ftps) => 16,
            (true, _, Protocol::Sftp) => 4,
            (_, true, _) | (_, _, Protocol::Sftp) => 1,
            (_, _, Protocol::Ftps) => 2,
            (_, _, Protocol::Ftp) => 4,
        }
    }
}

pub(crate) fn parse(arguments: &[String]) -> Result<Call> {
    let mut options = Options {
        rows: Vec::new(),
        contenders: Contender::ALL.to_vec(),
        rounds: 0,
        quick: false,
        profile: false,
        as_built: false,
        arguments: arguments.to_vec(),
    };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut value = || {
            rest.next()
                .with_context(|| format!("`{argument}` needs a value"))
        };
        match argument.as_str() {
            "--quick" => options.quick = true,
            "--as-built" => options.as_built = true,
            "--only" => options.rows = chosen_rows(value()?)?,
            "--servers" => options.contenders = chosen_contenders(value()?)?,
            "--rounds" => {
                options.rounds = value()?.parse().context("`--rounds` takes a number")?;
                ensure!(options.rounds > 0, "`--rounds` takes a number above 0");
            }
            "--profile" => {
                options.rows = chosen_rows(value()?)?;
                options.contenders = vec![Contender::Wharf];
                options.profile = true;
            }
            "--stub" => {
                return Ok(Call::Stub {
                    port: value()?.parse()?,
                    files: PathBuf::from(rest.next().context("`--stub` needs a folder")?),
                    certificate: Certificate::within(Path::new(
                        rest.next()
                            .context("`--stub` needs its certificate's folder")?,
                    )),
                });
            }
            "--help" | "-h" => return Ok(Call::Help),
            unknown => bail!("unknown argument `{unknown}`\n\n{}", usage()),
        }
    }
    if options.rows.is_empty() {
        let wanted = |row: &&Row| !(options.quick && row.is_long());
        options.rows = ROWS.iter().filter(wanted).collect();
    }
    if options.rounds == 0 {
        options.rounds = if options.quick || options.profile {
            1
        } else {
            5
        };
    }
    Ok(Call::Measure(options))
}

pub(crate) fn usage() -> String {
    let mut text = String::from(
        "usage: cargo xtask bench [--quick] [--only ROWS] [--servers LIST] [--rounds N] [--as-built]\n       \
         cargo xtask bench --profile ROW [--as-built]\n\n\
         --quick leaves rows out that take long, unless they are named.\n\
         --as-built takes the released binaries that are there and builds nothing.\n\
         ROWS are separated by commas; the beginning of a name stands for all it fits:\n",
    );
    for row in ROWS {
        text.push_str(&format!("  {:<18} {}\n", row.id, row.title));
    }
    let names: Vec<_> = Contender::ALL.iter().map(|one| one.name()).collect();
    text.push_str(&format!("LIST is some of: {}\n", names.join(",")));
    text
}

fn chosen_rows(list: &str) -> Result<Vec<&'static Row>> {
    let wanted: Vec<&str> = list.split(',').collect();
    if let Some(unknown) = wanted
        .iter()
        .find(|wanted| wanted.is_empty() || !ROWS.iter().any(|row| row.id.starts_with(**wanted)))
    {
        bail!("no row begins with `{unknown}`\n\n{}", usage());
    }
    let fits = |row: &&Row| wanted.iter().any(|wanted| row.id.starts_with(wanted));
    Ok(ROWS.iter().filter(fits).collect())
}

fn chosen_contenders(list: &str) -> Result<Vec<Contender>> {
    list.split(',')
        .map(|name| {
            Contender::ALL
                .iter()
                .copied()
                .find(|contender| contender.name() == name)
                .with_context(|| format!("there is no server `{name}`\n\n{}", usage()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measure(arguments: &[&str]) -> Options {
        let arguments: Vec<String> = arguments.iter().map(|one| (*one).to_owned()).collect();
        match parse(&arguments).unwrap() {
            Call::Measure(options) => options,
            other => panic!("{other:?}"),
        }
    }

    fn refused(arguments: &[&str]) -> String {
        let arguments: Vec<String> = arguments.iter().map(|one| (*one).to_owned()).collect();
        parse(&arguments).unwrap_err().to_string()
    }

    #[test]
    fn only_a_whole_run_is_published() {
        assert!(measure(&[]).is_full());
        assert!(measure(&["--rounds", "7"]).is_full());
        assert!(!measure(&["--rounds", "3"]).is_full());
        assert!(!measure(&["--quick", "--rounds", "5"]).is_full());
        assert!(!measure(&["--as-built"]).is_full());
        assert!(!measure(&["--only", "idle"]).is_full());
        assert!(!measure(&["--servers", "wharf,vsftpd"]).is_full());
    }

    #[test]
    fn a_quick_run_leaves_long_rows_out_unless_they_are_named() {
        let has = |arguments: &[&str]| {
            let rows = measure(arguments).rows;
            rows.iter().any(|row| row.id == "ftps-idle-5k")
        };
        assert!(has(&[]));
        assert!(!has(&["--quick"]));
        assert!(has(&["--quick", "--only", "ftps-idle"]));
    }

    #[test]
    fn rows_by_the_beginning_of_their_names() {
        let ids = |options: Options| -> Vec<_> { options.rows.iter().map(|row| row.id).collect() };
        assert_eq!(
            ids(measure(&["--only", "down,idle-1k"])),
            ["download-1", "download-4", "idle-1k"]
        );
        assert_eq!(ids(measure(&["--profile", "upload"])), ["upload"]);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        assert!(refused(&["--only", "nothing"]).starts_with("no row begins with `nothing`"));
        assert!(refused(&["--only", ""]).starts_with("no row begins"));
        assert!(refused(&["--servers", "iis"]).starts_with("there is no server `iis`"));
        assert!(refused(&["--rounds", "0"]).contains("above 0"));
        assert!(refused(&["--fast"]).starts_with("unknown argument `--fast`"));
    }
}
