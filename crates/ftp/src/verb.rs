//! The table of verbs: what each one is called, needs and does. The login gate, read-only mode,
//! per-account command lists, HELP, FEAT and the reference are derived from it.

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerbInfo {
    /// The verb it stands for; for an alias such as XCWD, the canonical one.
    pub verb: Verb,
    /// As it is written on the wire, in capitals.
    pub name: &'static str,
    /// Needs a login.
    pub login: bool,
    /// Needs a control connection under TLS.
    pub tls: bool,
    /// Part of TLS: served only where TLS is offered.
    pub of_tls: bool,
    /// Moves data over a data connection.
    pub transfers: bool,
    /// Changes files, always; MDTM, which may, is judged by what it then does.
    pub writes: bool,
    /// Acted on while a transfer runs; everything else waits.
    pub during_transfer: bool,
    /// Served by this version. What is not is answered with 502, and left out of HELP and FEAT.
    pub built: bool,
    /// The line of FEAT it brings (RFC 2389). MLST's depends on the session: see
    /// [`crate::listing::write::FactSet::feature_line`].
    pub feat: Option<&'static str>,
    /// `VERB <argument>: what it does`.
    pub help: &'static str,
}

impl VerbInfo {
    /// Whether this is another name for a verb.
    #[must_use]
    pub fn is_alias(&self) -> bool {
        self.name != self.verb.info().name
    }
}

/// One row of the table of SITE's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SiteVerbInfo {
    /// The word.
    pub verb: SiteVerb,
    /// As it is written on the wire, in capitals.
    pub name: &'static str,
    /// Changes files.
    pub writes: bool,
    /// Served by this version.
    pub built: bool,
    /// The line of FEAT it brings.
    pub feat: Option<&'static str>,
    /// `WORD <argument>: what it does`.
    pub help: &'static str,
}

/// A row before its flags, which the macros below set by name.
const fn row(
    verb: Verb,
    name: &'static str,
    feat: Option<&'static str>,
    help: &'static str,
) -> VerbInfo {
    VerbInfo {
        verb,
        name,
        login: false,
        tls: false,
        of_tls: false,
        transfers: false,
        writes: false,
        during_transfer: false,
        built: true,
        feat,
        help,
    }
}

/// Up to eight letters as one number, in capitals, so that looking a name up compares numbers.
/// Zero for what cannot be a verb: empty, too long, or not all ASCII letters and digits
/// (security M2: no other script has capitals here).
const fn key(name: &[u8]) -> u64 {
    let mut rest = name;
    let mut key = 0;
    let mut length = 0;
    while let [byte, tail @ ..] = rest {
        if length == 8 || !byte.is_ascii_alphanumeric() {
            return 0;
        }
        key = (key << 8) | byte.to_ascii_uppercase() as u64;
        length += 1;
        rest = tail;
    }
    key
}

macro_rules! verbs {
    (
        $( verb!($verb:ident, $name:literal, [$($flag:ident),*], feat: $feat:expr, $help:literal); )*
        $( alias!($alias:literal => $of:ident, [$($alias_flag:ident),*], $alias_help:literal); )*
    ) => {
        /// Every command wharf knows, served by this version or not.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Verb { $( #[doc = concat!("`", $help, "`")] $verb, )* }

        impl Verb {
            /// The verb's row; never an alias's.
            #[must_use]
            pub const fn info(self) -> &'static VerbInfo {
                match self {
                    $( Self::$verb => {
                        const ROW: VerbInfo = {
                            #[allow(unused_mut, reason = "a verb without flags")]
                            let mut row = row(Verb::$verb, $name, $feat, $help);
                            $( set_flag!(row, $flag); )*
                            row
                        };
                        &ROW
                    } )*
                }
            }

            fn from_key(wanted: u64) -> Option<Self> {
                // The compiler makes a decision tree of it.
                $( if const { key($name.as_bytes()) } == wanted { return Some(Self::$verb); } )*
                $( if const { key($alias.as_bytes()) } == wanted { return Some(Self::$of); } )*
                None
            }
        }

        const TABLE: &[VerbInfo] = &[
            $( *Verb::$verb.info(), )*
            $( {
                #[allow(unused_mut, reason = "a verb without flags")]
                let mut row = row(Verb::$of, $alias, None, $alias_help);
                $( set_flag!(row, $alias_flag); )*
                row
            }, )*
        ];
    };
}

macro_rules! set_flag {
    ($row:ident, unbuilt) => {
        $row.built = false
    };
    ($row:ident, $flag:ident) => {
        $row.$flag = true
    };
}

verbs! {
    verb!(User, "USER", [], feat: None, "USER <name>: begin a login");
    verb!(Pass, "PASS", [], feat: None, "PASS <password>: finish a login");
    verb!(Acct, "ACCT", [], feat: None, "ACCT <text>: account information; not needed here");
    verb!(Rein, "REIN", [], feat: None, "REIN: log out and start over");
    verb!(Quit, "QUIT", [during_transfer], feat: None, "QUIT: log out and close, after a running transfer");

    verb!(Cwd, "CWD", [login], feat: None, "CWD <path>: change the working directory");
    verb!(Cdup, "CDUP", [login], feat: None, "CDUP: change to the parent directory");
    verb!(Pwd, "PWD", [login], feat: None, "PWD: print the working directory");
    verb!(Mkd, "MKD", [login, writes], feat: None, "MKD <path>: make a directory");
    verb!(Rmd, "RMD", [login, writes], feat: None, "RMD <path>: remove an empty directory");
    verb!(Dele, "DELE", [login, writes], feat: None, "DELE <path>: delete a file");
    verb!(Rnfr, "RNFR", [login, writes], feat: None, "RNFR <path>: rename this; RNTO follows");
    verb!(Rnto, "RNTO", [login, writes], feat: None, "RNTO <path>: the new name, after RNFR");
    verb!(Smnt, "SMNT", [login, unbuilt], feat: None, "SMNT <path>: mount another file system");

    verb!(Type, "TYPE", [login], feat: None, "TYPE A|I: convert line ends (A), or not (I)");
    verb!(Stru, "STRU", [login], feat: None, "STRU F: files have no structure");
    verb!(Mode, "MODE", [login], feat: None, "MODE S: data goes as a stream");

    verb!(Port, "PORT", [login], feat: None, "PORT <h1,h2,h3,h4,p1,p2>: connect to this address for data");
    verb!(Pasv, "PASV", [login], feat: Some("PASV"), "PASV: open a port for data, IPv4");
    verb!(Eprt, "EPRT", [login], feat: Some("EPRT"), "EPRT |1 or 2|<address>|<port>|: connect to this address for data");
    verb!(Epsv, "EPSV", [login], feat: Some("EPSV"), "EPSV [1|2|ALL]: open a port for data; ALL allows nothing else from now on");

    verb!(Retr, "RETR", [login, transfers], feat: None, "RETR <path>: download a file");
    verb!(Stor, "STOR", [login, transfers, writes], feat: None, "STOR <path>: upload a file");
    verb!(Stou, "STOU", [login, transfers, writes], feat: None, "STOU [<path>]: upload a file under a new name");
    verb!(Appe, "APPE", [login, transfers, writes], feat: None, "APPE <path>: append to a file");
    verb!(Rest, "REST", [login], feat: Some("REST STREAM"), "REST <offset>: start the next transfer here, in bytes");
    verb!(Rang, "RANG", [login], feat: Some("RANG STREAM"), "RANG <first> <last>: transfer these bytes only; RANG 1 0 resets");
    verb!(Allo, "ALLO", [login], feat: None, "ALLO <bytes>: ask for room before an upload");
    verb!(Abor, "ABOR", [login, during_transfer], feat: None, "ABOR: stop the transfer");

    verb!(List, "LIST", [login, transfers], feat: None, "LIST [-alRtr1] [--] [<path>]: list a directory in the Unix long form");
    verb!(Nlst, "NLST", [login, transfers], feat: None, "NLST [-alRtr1] [--] [<path>]: list names");
    verb!(Mlsd, "MLSD", [login, transfers], feat: None, "MLSD [<path>]: list a directory as facts");
    verb!(Mlst, "MLST", [login], feat: Some("MLST"), "MLST [<path>]: the facts of one file");
    verb!(Stat, "STAT", [login, during_transfer], feat: None, "STAT [[-alRtr1] [--] <path>]: this session, the running transfer, or a listing");
    verb!(Size, "SIZE", [login], feat: Some("SIZE"), "SIZE <path>: how many bytes a download would send");
    verb!(Mdtm, "MDTM", [login], feat: Some("MDTM"), "MDTM [<YYYYMMDDhhmmss>] <path>: tell, or set, when a file was modified");
    verb!(Mfmt, "MFMT", [login, writes], feat: Some("MFMT"), "MFMT <YYYYMMDDhhmmss> <path>: set when a file was modified");
    verb!(Mfct, "MFCT", [login, writes, unbuilt], feat: Some("MFCT"), "MFCT <YYYYMMDDhhmmss> <path>: set when a file was created");
    verb!(Mff, "MFF", [login, writes], feat: Some("MFF modify;UNIX.mode;"), "MFF <fact=value;...> <path>: set facts of a file");

    verb!(Auth, "AUTH", [of_tls], feat: Some("AUTH TLS"), "AUTH TLS: encrypt the control connection");
    verb!(Pbsz, "PBSZ", [tls, of_tls], feat: Some("PBSZ"), "PBSZ 0: before PROT");
    verb!(Prot, "PROT", [tls, of_tls], feat: Some("PROT"), "PROT P|C: encrypt data connections, or not");
    verb!(Ccc, "CCC", [login, tls, of_tls], feat: Some("CCC"), "CCC: end the encryption of the control connection");
    verb!(Sscn, "SSCN", [login, tls, of_tls], feat: Some("SSCN"), "SSCN [ON|OFF]: be the TLS client on data connections, between two servers");
    verb!(Cpsv, "CPSV", [login, tls, of_tls], feat: Some("CPSV"), "CPSV: PASV with this server as the TLS client, between two servers");

    verb!(Feat, "FEAT", [], feat: None, "FEAT: list extensions");
    verb!(Opts, "OPTS", [], feat: Some("UTF8"), "OPTS UTF8 ON | OPTS MLST <fact;...>: choose options");
    verb!(Help, "HELP", [], feat: None, "HELP [<command>]: list commands, or explain one");
    verb!(Noop, "NOOP", [during_transfer], feat: None, "NOOP: do nothing");
    verb!(Syst, "SYST", [], feat: None, "SYST: the kind of system");
    verb!(Clnt, "CLNT", [], feat: Some("CLNT"), "CLNT <text>: the client's name");
    verb!(Csid, "CSID", [], feat: Some("CSID"), "CSID [<text>]: exchange names and traits of client and server");
    verb!(Host, "HOST", [], feat: Some("HOST"), "HOST <name>: choose a site before the login");
    verb!(Lang, "LANG", [], feat: Some("LANG EN*"), "LANG [<tag>]: choose the language of replies");

    verb!(Hash, "HASH", [login, unbuilt], feat: Some("HASH"), "HASH <path>: checksum of a file");
    verb!(Xcrc, "XCRC", [login, unbuilt], feat: Some("XCRC"), "XCRC <path> [<start> <end>]: CRC-32 of a file");
    verb!(Xmd5, "XMD5", [login, unbuilt], feat: Some("XMD5"), "XMD5 <path> [<start> <end>]: MD5 of a file");
    verb!(Xsha1, "XSHA1", [login, unbuilt], feat: Some("XSHA1"), "XSHA1 <path> [<start> <end>]: SHA-1 of a file");
    verb!(Xsha256, "XSHA256", [login, unbuilt], feat: Some("XSHA256"), "XSHA256 <path> [<start> <end>]: SHA-256 of a file");
    verb!(Xsha512, "XSHA512", [login, unbuilt], feat: Some("XSHA512"), "XSHA512 <path> [<start> <end>]: SHA-512 of a file");
    verb!(Comb, "COMB", [login, writes, unbuilt], feat: Some("COMB target;source_list"), "COMB <target> <source>...: join files");
    verb!(Avbl, "AVBL", [login], feat: Some("AVBL"), "AVBL [<path>]: how many bytes are free");
    verb!(Site, "SITE", [login], feat: None, "SITE <word>: server commands; SITE HELP lists them");

    alias!("XCWD" => Cwd, [login], "XCWD <path>: same as CWD");
    alias!("XCUP" => Cdup, [login], "XCUP: same as CDUP");
    alias!("XPWD" => Pwd, [login], "XPWD: same as PWD");
    alias!("XMKD" => Mkd, [login, writes], "XMKD <path>: same as MKD");
    alias!("XRMD" => Rmd, [login, writes], "XRMD <path>: same as RMD");
}

/// All rows in the order HELP shows them: every verb once, then the aliases.
#[must_use]
pub const fn table() -> &'static [VerbInfo] {
    TABLE
}

impl Verb {
    /// The verb of that name or alias, in any case. ASCII only.
    #[must_use]
    pub fn from_name(name: &[u8]) -> Option<Self> {
        match key(name) {
            0 => None,
            key => Self::from_key(key),
        }
    }
}

macro_rules! site_verbs {
    ($( verb!($verb:ident, $name:literal, [$($flag:ident),*], feat: $feat:expr, $help:literal); )*) => {
        /// What may follow SITE. There is no EXEC.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum SiteVerb { $( #[doc = concat!("`", $help, "`")] $verb, )* }

        const SITE_TABLE: &[SiteVerbInfo] = &[
            $( {
                #[allow(unused_mut, reason = "a word without flags")]
                let mut row = SiteVerbInfo {
                    verb: SiteVerb::$verb,
                    name: $name,
                    writes: false,
                    built: true,
                    feat: $feat,
                    help: $help,
                };
                $( set_flag!(row, $flag); )*
                row
            }, )*
        ];

        impl SiteVerb {
            /// The word's name in capitals.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $( Self::$verb => $name, )* }
            }

            /// `WORD <argument>: what it does`.
            #[must_use]
            pub const fn help(self) -> &'static str {
                match self { $( Self::$verb => $help, )* }
            }
        }
    };
}

site_verbs! {
    verb!(Help, "HELP", [], feat: None, "SITE HELP: this list");
    verb!(Chmod, "CHMOD", [writes], feat: Some("SITE CHMOD"), "SITE CHMOD <octal mode> <path>: set permissions");
    verb!(Utime, "UTIME", [writes], feat: Some("SITE UTIME"), "SITE UTIME <YYYYMMDDhhmmss> <path>: set when a file was modified");
    verb!(Symlink, "SYMLINK", [writes], feat: Some("SITE SYMLINK"), "SITE SYMLINK <target> <path>: make a symbolic link; quote a target with spaces");
    verb!(Umask, "UMASK", [], feat: None, "SITE UMASK [<octal mask>]: permissions not given to new files");
    verb!(Idle, "IDLE", [], feat: None, "SITE IDLE [<seconds>]: how long the session may be silent");
    verb!(Cpfr, "CPFR", [unbuilt], feat: None, "SITE CPFR <path>: copy this; SITE CPTO follows");
    verb!(Cpto, "CPTO", [writes, unbuilt], feat: None, "SITE CPTO <path>: the copy's name, after SITE CPFR");
    verb!(Quota, "QUOTA", [unbuilt], feat: None, "SITE QUOTA: how much is used and allowed");
    verb!(Who, "WHO", [unbuilt], feat: None, "SITE WHO: sessions of this account");
}

impl SiteVerb {
    /// All rows, in the order SITE HELP shows them.
    #[must_use]
    pub const fn table() -> &'static [SiteVerbInfo] {
        SITE_TABLE
    }

    /// The word of that name, in any case. ASCII only.
    #[must_use]
    pub fn from_name(name: &[u8]) -> Option<Self> {
        SITE_TABLE
            .iter()
            .find(|row| row.name.as_bytes().eq_ignore_ascii_case(name))
            .map(|row| row.verb)
    }

    /// Whether this version serves it.
    #[must_use]
    pub fn is_built(self) -> bool {
        SITE_TABLE.iter().any(|row| row.verb == self && row.built)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_found_by_its_name_in_any_case() {
        for row in table() {
            assert_eq!(
                Verb::from_name(row.name.as_bytes()),
                Some(row.verb),
                "{}",
                row.name
            );
            let lower = row.name.to_ascii_lowercase();
            assert_eq!(Verb::from_name(lower.as_bytes()), Some(row.verb), "{lower}");
            assert!(row.help.starts_with(row.name), "{}", row.help);
            assert_ne!(key(row.name.as_bytes()), 0);
        }
        for row in SiteVerb::table() {
            assert_eq!(SiteVerb::from_name(row.name.as_bytes()), Some(row.verb));
            assert_eq!(row.verb.name(), row.name);
        }
    }

    #[test]
    fn m2_verbs_are_ascii_only() {
        // U+017F and U+0131 have the capitals S and I in Unicode.
        for name in [
            "\u{17f}TOR",
            "L\u{131}ST",
            "STOR\u{301}",
            "",
            "ST",
            "STORE",
            "STORSTORS",
            " STOR",
        ] {
            assert_eq!(Verb::from_name(name.as_bytes()), None, "{name:?}");
        }
        assert_eq!(Verb::from_name(b"\0STOR"), None);
        assert_eq!(Verb::from_name(b"\xd3TOR"), None);
        assert_eq!(SiteVerb::from_name(b"EXEC"), None);
    }

    #[test]
    fn names_and_aliases_are_distinct() {
        let mut names: Vec<_> = table().iter().map(|row| row.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), table().len());
        assert_eq!(table().iter().filter(|row| row.is_alias()).count(), 5);
    }

    #[test]
    fn aliases_carry_the_flags_of_their_verb() {
        for row in table() {
            let canonical = row.verb.info();
            assert_eq!(row.login, canonical.login, "{}", row.name);
            assert_eq!(row.writes, canonical.writes, "{}", row.name);
            assert_eq!(row.transfers, canonical.transfers, "{}", row.name);
            assert_eq!(row.built, canonical.built, "{}", row.name);
        }
    }

    #[test]
    fn only_four_verbs_are_acted_on_during_a_transfer() {
        let names: Vec<_> = table()
            .iter()
            .filter(|row| row.during_transfer)
            .map(|row| row.name)
            .collect();
        assert_eq!(names, ["QUIT", "ABOR", "STAT", "NOOP"]);
    }
}
