//! Commands to paste: words quoted so that a POSIX shell gives them back unchanged.

use std::path::Path;

/// A command with a path as its last word.
pub(crate) fn command(words: &[&str], path: &Path) -> String {
    let mut line: Vec<_> = words.iter().map(|word| quote(word)).collect();
    line.push(quote(&path.display().to_string()));
    format!("`{}`", line.join(" "))
}

/// The word as a shell must be given it.
pub(crate) fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    // Inside single quotes only the single quote itself is special.
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_gives_the_words_back() {
        let words = [
            "plain",
            "two words",
            "it's",
            "$HOME",
            "`id`",
            "a\\b",
            "",
            "*",
            "ä",
        ];
        let line: Vec<_> = words.iter().map(|word| quote(word)).collect();
        let printf = format!("printf '%s\\n' {}", line.join(" "));
        let output = std::process::Command::new("sh")
            .arg("-c")
            .arg(printf)
            .output()
            .unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        assert_eq!(
            printed
                .trim_end_matches('\n')
                .split('\n')
                .collect::<Vec<_>>(),
            words
        );
    }
}
