//! Reading one raw setting as what it should be. It knows the words of each, not what they are for.

use super::{ConfigError, PublicUrl};
use crate::provider::{
    EmbedderConfig,
    chat::ChatConfig,
    remote_embedder::{RemoteConfig, Service},
};
use secrecy::SecretString;
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr},
    num::NonZeroU32,
    str::FromStr,
};

/// Numbers in a vector of Gemini unless the settings say otherwise: its own recommendation for a
/// quarter of the memory of all 3,072.
const GEMINI_DIMENSIONS: usize = 768;
/// Most numbers a vector may have; the largest models answer 4,096.
const DIMENSIONS_MAX: usize = 8_192;

/// Typed access to the raw settings.
pub struct Settings<'a> {
    /// Where the text of a setting comes from.
    pub lookup: &'a dyn Fn(&str) -> Option<String>,
}

impl Settings<'_> {
    /// A setting that is there and not blank.
    pub fn text(&self, name: &str) -> Option<String> {
        (self.lookup)(name)
            .map(|value| value.trim().to_owned())
            .filter(|value| !value.is_empty())
    }

    /// A whole number of `range`.
    pub fn number<T>(
        &self,
        name: &'static str,
        default: T,
        range: std::ops::RangeInclusive<T>,
    ) -> Result<T, ConfigError>
    where
        T: FromStr + PartialOrd + fmt::Display + Copy,
    {
        let Some(text) = self.text(name) else {
            return Ok(default);
        };
        text.parse()
            .ok()
            .filter(|number| range.contains(number))
            .ok_or_else(|| ConfigError {
                name,
                problem: format!(
                    "is {text:?}, but must be a whole number from {} to {}",
                    range.start(),
                    range.end()
                ),
                example: format!("{name}={default}"),
            })
    }

    /// How many in a span of time; never none.
    pub fn rate(&self, name: &'static str, default: u32) -> Result<NonZeroU32, ConfigError> {
        let rate = self.number(name, default, 1..=1_000_000)?;
        Ok(NonZeroU32::new(rate).unwrap_or(NonZeroU32::MIN))
    }

    /// One of a few words; the first is the default.
    pub fn choice<T: Clone>(
        &self,
        name: &'static str,
        choices: &[(&'static str, T)],
    ) -> Result<T, ConfigError> {
        let text = self
            .text(name)
            .unwrap_or_else(|| choices[0].0.to_owned())
            .to_lowercase();
        choices
            .iter()
            .find(|(word, _)| *word == text)
            .map(|(_, value)| value.clone())
            .ok_or_else(|| {
                let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
                ConfigError {
                    name,
                    problem: format!("is {text:?}, but must be one of: {}", words.join(", ")),
                    example: format!("{name}={}", choices[0].0),
                }
            })
    }

    /// `HOST`: an address of this machine.
    pub fn host(&self) -> Result<IpAddr, ConfigError> {
        let Some(text) = self.text("HOST") else {
            return Ok(Ipv4Addr::LOCALHOST.into());
        };
        if text.eq_ignore_ascii_case("localhost") {
            return Ok(Ipv4Addr::LOCALHOST.into());
        }
        text.trim_matches(['[', ']'])
            .parse()
            .map_err(|_| ConfigError {
                name: "HOST",
                problem: format!("is {text:?}, but must be an IP address of this machine"),
                example: "HOST=127.0.0.1 (this machine only) or HOST=0.0.0.0 (the network)"
                    .to_owned(),
            })
    }

    /// `PUBLIC_URL`, if it is set.
    pub fn public_url(&self) -> Result<Option<PublicUrl>, ConfigError> {
        let Some(text) = self.text("PUBLIC_URL") else {
            return Ok(None);
        };
        let wrong = |problem: &str| ConfigError {
            name: "PUBLIC_URL",
            problem: format!("is {text:?}, but {problem}"),
            example: "PUBLIC_URL=https://study.example.org".to_owned(),
        };
        let uri: http::Uri = text.parse().map_err(|_| wrong("is not an address"))?;
        let https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(wrong("must begin with https:// or http://")),
        };
        let authority = uri.authority().ok_or_else(|| wrong("names no host"))?;
        if authority.as_str().contains('@') || !matches!(uri.path(), "" | "/") {
            return Err(wrong("must hold only a scheme, a host and perhaps a port"));
        }
        let own_port = if https { ":443" } else { ":80" };
        let authority = authority.as_str().to_lowercase();
        Ok(Some(PublicUrl {
            https,
            authority: authority
                .strip_suffix(own_port)
                .unwrap_or(&authority)
                .to_owned(),
        }))
    }

    /// `LOG_LEVEL`, or `RUST_LOG` as other programs have it.
    pub fn log_level(&self) -> Result<String, ConfigError> {
        let level = self
            .text("LOG_LEVEL")
            .or_else(|| self.text("RUST_LOG"))
            .unwrap_or_else(|| "info".to_owned());
        match tracing_subscriber::EnvFilter::try_new(&level) {
            Ok(_) => Ok(level),
            Err(error) => Err(ConfigError {
                name: "LOG_LEVEL",
                problem: format!("is {level:?}, which is no log filter: {error}"),
                example: "LOG_LEVEL=info or LOG_LEVEL=info,server::ingest=debug".to_owned(),
            }),
        }
    }

    /// `CHAT_PROVIDER` and what belongs to it.
    pub fn chat(&self) -> Result<ChatConfig, ConfigError> {
        if !self.choice("CHAT_PROVIDER", &[("builtin", false), ("openai", true)])? {
            return match self
                .text("OPENAI_MODEL")
                .or_else(|| self.text("OPENAI_BASE_URL"))
            {
                None => Ok(ChatConfig::Builtin),
                Some(_) => Err(ConfigError {
                    name: "CHAT_PROVIDER",
                    problem: "is builtin, but an OPENAI_ setting is there, which would do nothing"
                        .to_owned(),
                    example: "CHAT_PROVIDER=openai, or remove the OPENAI_ settings".to_owned(),
                }),
            };
        }
        let model = self.text("OPENAI_MODEL").ok_or_else(|| ConfigError {
            name: "OPENAI_MODEL",
            problem: "is missing, and CHAT_PROVIDER=openai needs it".to_owned(),
            example: "OPENAI_MODEL=llama3.1:8b".to_owned(),
        })?;
        let base_url = self
            .text("OPENAI_BASE_URL")
            .unwrap_or_else(|| "https://api.openai.com/v1".to_owned());
        let address = http_address("OPENAI_BASE_URL", &base_url, "http://127.0.0.1:11434/v1")?;
        Ok(ChatConfig::OpenAi {
            base_url: address,
            model,
            api_key: self.text("OPENAI_API_KEY").map(SecretString::from),
        })
    }

    /// `EMBEDDER` and what belongs to it.
    pub fn embedder(&self) -> Result<EmbedderConfig, ConfigError> {
        const MODEL: &str = "EMBEDDING_MODEL";
        const BASE_URL: &str = "EMBEDDING_BASE_URL";
        const KEY: &str = "EMBEDDING_API_KEY";
        const DIMENSIONS: &str = "EMBEDDING_DIMENSIONS";
        let service = self.choice(
            "EMBEDDER",
            &[
                ("builtin", Err(EmbedderConfig::Builtin)),
                ("stub", Err(EmbedderConfig::Stub)),
                ("openai", Ok(Service::OpenAi)),
                ("gemini", Ok(Service::Gemini)),
            ],
        )?;
        let service = match service {
            Ok(service) => service,
            Err(own) => {
                let given = [MODEL, BASE_URL, KEY, DIMENSIONS]
                    .iter()
                    .any(|name| self.text(name).is_some());
                if !given {
                    return Ok(own);
                }
                return Err(ConfigError {
                    name: "EMBEDDER",
                    problem:
                        "asks for no service, but an EMBEDDING_ setting is there, which would \
                              do nothing"
                            .to_owned(),
                    example: "EMBEDDER=openai, or remove the EMBEDDING_ settings".to_owned(),
                });
            }
        };
        let missing = |name, of: &str, example: &str| ConfigError {
            name,
            problem: format!("is missing, and EMBEDDER={of} needs it"),
            example: example.to_owned(),
        };
        let (model, key) = (self.text(MODEL), self.text(KEY));
        let (default_url, model) = match service {
            Service::OpenAi => (
                "https://api.openai.com/v1",
                model
                    .ok_or_else(|| missing(MODEL, "openai", "EMBEDDING_MODEL=nomic-embed-text"))?,
            ),
            Service::Gemini if key.is_none() => {
                let example = "EMBEDDING_API_KEY= and the key from aistudio.google.com";
                return Err(missing(KEY, "gemini", example));
            }
            Service::Gemini => (
                "https://generativelanguage.googleapis.com/v1beta",
                model.unwrap_or_else(|| "gemini-embedding-001".to_owned()),
            ),
        };
        let dimensions = match (self.text(DIMENSIONS), service) {
            (None, Service::OpenAi) => None,
            _ => Some(self.number(DIMENSIONS, GEMINI_DIMENSIONS, 1..=DIMENSIONS_MAX)?),
        };
        let base_url = self
            .text(BASE_URL)
            .unwrap_or_else(|| default_url.to_owned());
        Ok(EmbedderConfig::Remote(RemoteConfig {
            service,
            base_url: http_address(BASE_URL, &base_url, "http://127.0.0.1:11434/v1")?,
            model,
            dimensions,
            api_key: key.map(SecretString::from),
        }))
    }
}

/// The address of a service.
fn http_address(
    name: &'static str,
    text: &str,
    example: &str,
) -> Result<reqwest::Url, ConfigError> {
    reqwest::Url::parse(text.trim_end_matches('/'))
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))
        .ok_or_else(|| ConfigError {
            name,
            problem: format!("is {text:?}, but must begin with http:// or https://"),
            example: format!("{name}={example}"),
        })
}
