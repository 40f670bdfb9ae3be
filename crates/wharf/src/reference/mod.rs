//! The generated half of the documentation: from the tables of arguments, settings, causes and
//! permissions, so that it cannot say anything else than the program does.

mod causes;
mod cli;
mod permissions;
mod settings;

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory as _};
use clap_complete::Shell;
use clap_mangen::Man;

use crate::arguments::Arguments;
use crate::config::schema;
use crate::failure::Failure;
use crate::output;

/// The first line of every generated page.
const GENERATED: &str = "<!-- Written by `wharf reference`; change the program instead. -->\n\n";

/// Width of help texts in the reference and of wrapped lines in manual pages.
const WIDTH: usize = 100;

/// A generated file: its path below the folder, and its contents.
pub(crate) type GeneratedFile = (PathBuf, Vec<u8>);

/// Writes every generated file into a folder.
pub(crate) fn write(dir: &Path) -> Result<(), Failure> {
    write_files(dir, &files()?)
}

/// `wharf man`: one page to read, or all of them into a folder.
pub(crate) fn man(dir: Option<&Path>) -> Result<(), Failure> {
    match dir {
        Some(dir) => write_files(dir, &man_pages()?),
        None => {
            let page = render_man(&command())?;
            Ok(output::bytes(&page)?)
        }
    }
}

/// `wharf completions SHELL`.
pub(crate) fn completions(shell: Shell) -> Result<(), Failure> {
    Ok(output::bytes(&completion(shell))?)
}

/// Everything that is generated.
pub(crate) fn files() -> Result<Vec<GeneratedFile>, Failure> {
    let mut files = vec![
        page("cli.md", cli::page(&command())),
        page("config.md", settings::page()),
        page("causes.md", causes::page()),
        page("permissions.md", permissions::page()),
        (
            PathBuf::from("wharf.schema.json"),
            format!("{:#}\n", schema::schema()).into_bytes(),
        ),
    ];
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        let name = clap_complete::Generator::file_name(&shell, "wharf");
        files.push((Path::new("completions").join(name), completion(shell)));
    }
    files.extend(
        man_pages()?
            .into_iter()
            .map(|(name, page)| (Path::new("man").join(name), page)),
    );
    Ok(files)
}

fn page(name: &str, text: String) -> GeneratedFile {
    (
        PathBuf::from(name),
        format!("{GENERATED}{text}").into_bytes(),
    )
}

/// The whole command line, with the names of subcommands spelled out.
fn command() -> Command {
    let mut command = Arguments::command().term_width(WIDTH);
    command.build();
    command
}

fn completion(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "wharf", &mut script);
    script
}

fn man_pages() -> Result<Vec<GeneratedFile>, Failure> {
    let mut pages = Vec::new();
    for command in with_subcommands(&command()) {
        let man = Man::new(command.clone());
        pages.push((PathBuf::from(man.get_filename()), render_man(command)?));
    }
    Ok(pages)
}

fn render_man(command: &Command) -> Result<Vec<u8>, Failure> {
    let mut page = Vec::new();
    Man::new(command.clone())
        .manual("wharf")
        .render(&mut page)?;
    Ok(page)
}

/// The command and everything below it that is shown, in the order of the help.
fn with_subcommands(command: &Command) -> Vec<&Command> {
    let below = command
        .get_subcommands()
        .filter(|command| !command.is_hide_set());
    std::iter::once(command)
        .chain(below.flat_map(with_subcommands))
        .collect()
}

fn write_files(dir: &Path, files: &[GeneratedFile]) -> Result<(), Failure> {
    for (name, contents) in files {
        let path = dir.join(name);
        let written = match path.parent() {
            Some(parent) => fs::create_dir_all(parent),
            None => Ok(()),
        };
        written
            .and_then(|()| fs::write(&path, contents))
            .map_err(|error| Failure::new(format!("cannot write `{}`: {error}", path.display())))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_reference_is_what_the_program_generates() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference");
        let files = files().unwrap();
        for (name, contents) in &files {
            let committed = fs::read(dir.join(name)).unwrap_or_default();
            assert!(
                committed == *contents,
                "docs/reference/{} is not up to date; run `cargo xtask docs`",
                name.display()
            );
        }
        let expected: Vec<_> = files.iter().map(|(name, _)| dir.join(name)).collect();
        for found in walk(&dir) {
            assert!(
                expected.contains(&found),
                "{} is generated no more",
                found.display()
            );
        }
    }

    #[test]
    fn every_setting_cause_and_permission_is_on_its_page() {
        let settings = settings::page();
        for key in crate::config::table::KEYS {
            assert!(
                settings.contains(&format!("`{}`", key.leaf())),
                "{}",
                key.name
            );
            assert!(settings.contains(&key.environment()), "{}", key.name);
        }
        let causes = causes::page();
        for cause in wharf_causes::TABLE {
            assert!(
                causes.contains(&format!("### {} ", cause.id)),
                "{}",
                cause.id
            );
        }
        let permissions = permissions::page();
        for permission in wharf_accounts::Permission::ALL {
            assert!(
                permissions.contains(&format!("`{permission}`")),
                "{permission}"
            );
        }
    }

    fn walk(dir: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        entries
            .flat_map(|path| {
                if path.is_dir() {
                    walk(&path)
                } else {
                    vec![path]
                }
            })
            .collect()
    }
}
