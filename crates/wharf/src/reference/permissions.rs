//! The page of permissions.

use std::fmt::Write as _;

use wharf_accounts::{Permission, PermissionSet, Permissions};

const INTRODUCTION: &str = "\
# Permissions

What an account may do, given to `wharf user add` and `wharf user change` with `--permissions`. An
account that is made without the option may do everything in its folder.
";

const RULES: &str = "
## By folder

After the words come rules for folders, as the account sees them: the prefix, `=`, and words joined
with `+`. The rule with the longest prefix that fits a path decides, alone; where none fits, the
words at the beginning do.

```text
permissions = word *(\",\" word) *(\",\" rule)
rule        = prefix \"=\" word *(\"+\" word)
```

For example `read-only,/incoming=upload-only,/incoming/mine=list+read+delete`: everything can be
read, files can be dropped into `/incoming` but not seen there, and below `/incoming/mine` they can
be seen, read and deleted.

A prefix is compared component by component: `/in` does not fit `/incoming`. In a prefix, `%`, `,`,
`=`, control characters and bytes that are not UTF-8 are written as `%` and two hexadecimal digits.
";

pub(super) fn page() -> String {
    let mut page = String::from(INTRODUCTION);
    page.push_str("\n| word | allows |\n| --- | --- |\n");
    for permission in Permission::ALL {
        let _ = writeln!(page, "| `{permission}` | {} |", meaning(permission));
    }
    page.push_str("\n| set | is |\n| --- | --- |\n");
    for (name, set) in PermissionSet::NAMED {
        let words: Vec<_> = set
            .iter()
            .map(|permission| format!("`{permission}`"))
            .collect();
        let words = if words.is_empty() {
            "nothing".to_owned()
        } else {
            words.join(" ")
        };
        let _ = writeln!(page, "| `{name}` | {words} |");
    }
    page.push_str(RULES);
    let _ = write!(
        page,
        "\nThere are at most {} rules for one account.\n",
        Permissions::MAX_RULES
    );
    page
}

const fn meaning(permission: Permission) -> &'static str {
    match permission {
        Permission::List => "seeing the entries of a folder and what is told about them",
        Permission::Read => "reading files",
        Permission::Create => "making files that are not there yet",
        Permission::Overwrite => "replacing files, or bytes in them",
        Permission::Append => "adding bytes at the end of files",
        Permission::Delete => "removing files",
        Permission::Rename => "giving files and folders another name or place",
        Permission::Mkdir => "making folders",
        Permission::Rmdir => "removing folders",
        Permission::Attributes => "changing modes and times",
        Permission::Link => "making symbolic links",
        Permission::Copy => "copying on the server",
    }
}
