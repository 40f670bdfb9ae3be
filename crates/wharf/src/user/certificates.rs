//! `wharf user certificate`.

use wharf_accounts::{AccountName, CertificateMatch, CertificateUse, DistinguishedName};

use super::{User, account_name, database, files, show};
use crate::arguments::{CertificateArguments, CertificateCommand, Format};
use crate::failure::Failure;
use crate::{output, shell};

impl User {
    pub(super) async fn certificate(&self, command: CertificateCommand) -> Result<(), Failure> {
        match command {
            CertificateCommand::Add { name, certificate } => {
                self.add_certificate(&name, &certificate).await
            }
            CertificateCommand::List { name } => {
                let name = account_name(&name)?;
                let held = self.accounts.certificates(&name).await.map_err(database)?;
                match self.format {
                    Format::Text => output::text(&show::certificates(&held))?,
                    Format::Json => {
                        for certificate in &held {
                            output::json(&show::certificate_json(certificate))?;
                        }
                    }
                }
                Ok(())
            }
            CertificateCommand::Remove { name, certificate } => {
                let name = account_name(&name)?;
                let certificate = certificate.parse::<CertificateMatch>().map_err(|error| {
                    Failure::usage(format!("`{}`: {error}", certificate.escape_debug()))
                })?;
                self.accounts
                    .remove_certificate(&name, &certificate)
                    .await
                    .map_err(database)?;
                let object = serde_json::json!({
                    "name": name.as_str(),
                    "certificate": certificate.to_string(),
                    "removed": true,
                });
                self.say(
                    &name,
                    &format!("has lost the certificate {certificate}"),
                    object,
                )
            }
        }
    }

    async fn add_certificate(
        &self,
        name: &str,
        arguments: &CertificateArguments,
    ) -> Result<(), Failure> {
        let certificate = meant(arguments)?;
        let account = self.account(name).await?;
        let added = self
            .accounts
            .add_certificate(&account.name, &certificate)
            .await
            .map_err(database)?;
        let mut object = show::certificate_json(&added);
        object["name"] = account.name.as_str().into();
        object["certificate_login"] = account.certificate_use.word().into();
        let mut done = format!("has the certificate {certificate}");
        if let CertificateMatch::Subject(subject) = &certificate
            && is_backwards(subject)
        {
            done.push_str(BACKWARDS);
        }
        if account.certificate_use == CertificateUse::Off {
            done.push_str(&unused(&account.name));
        }
        self.say(&account.name, &done, object)
    }
}

/// The certificate that one of the three options names.
fn meant(arguments: &CertificateArguments) -> Result<CertificateMatch, Failure> {
    if let Some(file) = &arguments.file {
        return files::certificate(file);
    }
    if let Some(text) = &arguments.fingerprint {
        let wrong = |reason: String| {
            Failure::usage(format!("`--fingerprint {}`: {reason}", text.escape_debug()))
        };
        return match text.parse() {
            Ok(CertificateMatch::Subject(_)) => Err(wrong(
                "this is a subject; give it with `--subject`".to_owned(),
            )),
            Ok(fingerprint) => Ok(fingerprint),
            Err(error) => Err(wrong(error.to_string())),
        };
    }
    let text = arguments.subject.as_deref().unwrap_or_default();
    // What openssl prints before it.
    let subject = text.trim().strip_prefix("subject=").unwrap_or(text);
    let subject: DistinguishedName = subject
        .parse()
        .map_err(|error| Failure::usage(format!("`--subject {}`: {error}", text.escape_debug())))?;
    Ok(CertificateMatch::Subject(subject))
}

/// Whether it looks like what openssl prints without `-nameopt RFC2253`: the country first.
fn is_backwards(subject: &DistinguishedName) -> bool {
    let mut parts = subject.as_str().split(',');
    let first = parts.next().is_some_and(|part| part.starts_with("C="));
    first
        && parts
            .next_back()
            .is_some_and(|part| part.starts_with("CN="))
}

fn unused(name: &AccountName) -> String {
    format!(
        "\n\nIt counts for nothing yet: `wharf user change {} --certificate-login login` lets it in,\n\
         `factor` instead of `login` asks for it beside the password",
        shell::quote(name.as_str())
    )
}

const BACKWARDS: &str = "\n\n\
    That looks backwards: a subject begins with its most specific part, as in\n\
    `CN=ann,O=Example,C=DE`. `openssl x509 -noout -subject -nameopt RFC2253` prints it so";

#[cfg(test)]
mod tests {
    use super::*;

    fn one(option: &str, value: &str) -> Result<String, String> {
        let value = Some(value.to_owned());
        let arguments = CertificateArguments {
            file: None,
            fingerprint: value.clone().filter(|_| option == "fingerprint"),
            subject: value.filter(|_| option == "subject"),
        };
        meant(&arguments)
            .map(|certificate| certificate.to_string())
            .map_err(|failure| failure.to_string())
    }

    #[test]
    fn what_openssl_prints_is_taken_as_it_is() {
        let digits = "AB:".repeat(31) + "CD";
        for text in [
            &digits,
            &format!("sha256 Fingerprint={digits}"),
            &digits.replace(':', ""),
        ] {
            assert_eq!(one("fingerprint", text), Ok(format!("SHA256:{digits}")));
        }
        for text in [
            "CN=ann,O=Example",
            "subject=CN=ann,O=Example",
            "subject= cn = ann, o=Example",
        ] {
            assert_eq!(
                one("subject", text),
                Ok("CN=ann,O=Example".to_owned()),
                "{text}"
            );
        }
    }

    #[test]
    fn each_option_takes_its_own_kind() {
        let told = one("fingerprint", "CN=ann").unwrap_err();
        assert!(told.contains("give it with `--subject`"), "{told}");
        let told = one("subject", &"AB".repeat(32)).unwrap_err();
        assert!(told.contains("has no `=`"), "{told}");
        let told = one("subject", "").unwrap_err();
        assert!(told.contains("at least one part"), "{told}");
        let told = one("fingerprint", &"AB".repeat(20)).unwrap_err();
        assert!(
            told.contains("SHA-1") && told.contains("\n\nhint: "),
            "{told}"
        );
    }

    #[test]
    fn a_subject_with_the_country_first_is_doubted() {
        for (text, doubted) in [
            ("C=DE,O=Example,CN=ann", true),
            ("C=DE,CN=ann", true),
            ("CN=ann,O=Example,C=DE", false),
            ("CN=ann", false),
            ("C=DE", false),
            ("DC=org,DC=example,CN=ann", false),
        ] {
            assert_eq!(is_backwards(&text.parse().unwrap()), doubted, "{text}");
        }
    }
}
