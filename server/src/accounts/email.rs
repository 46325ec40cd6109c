//! E-mail addresses as account names. No mail is sent, so the check is only against slips.

/// Longest address SMTP can carry, in bytes.
const MAX_BYTES: usize = 254;

/// An address in lower case that could be one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// Parses what a student typed; `None` if it can be no address.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (local, domain) = text.rsplit_once('@')?;
        let labels_are_fine = domain.split('.').all(|label| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_alphanumeric() || c == '-')
        });
        let local_is_fine = !local.is_empty()
            && !local.contains('@')
            && !local
                .chars()
                .any(|c| c.is_whitespace() || c.is_control() || "<>()[]\\,;:\"".contains(c));
        let email = text.to_lowercase();
        (email.len() <= MAX_BYTES && labels_are_fine && domain.contains('.') && local_is_fine)
            .then_some(Self(email))
    }

    /// The whole address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the @.
    pub fn local_part(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(local, _)| local)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_lower_cased_and_slips_are_caught() {
        assert_eq!(
            Email::parse(" Mara.K@Example.ORG ").unwrap().as_str(),
            "mara.k@example.org"
        );
        assert_eq!(
            Email::parse("a+b@sub.example.org").unwrap().local_part(),
            "a+b"
        );
        for wrong in [
            "",
            "mara",
            "mara@",
            "@example.org",
            "mara@example",
            "mara k@example.org",
            "mara@exa mple.org",
            "mara@.org",
            "mara@example.",
            "a@b@example.org",
            "mara@-example.org",
            "mara\n@example.org",
        ] {
            assert_eq!(Email::parse(wrong), None, "{wrong:?}");
        }
        assert_eq!(
            Email::parse(&format!("{}@example.org", "a".repeat(250))),
            None
        );
    }
}
