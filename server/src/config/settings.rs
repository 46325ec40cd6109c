//! Reading one raw setting as what it should be. It knows the words of each, not what they are for.

use super::{AssetBase, ConfigError, MB, PublicUrl, S3Config, StorageConfig};
use crate::{
    cache::{CacheConfig, Namespace, RedisConfig, Ttls},
    provider::{
        EmbedderConfig,
        chat::ChatConfig,
        remote_embedder::{RemoteConfig, Service},
    },
};
use secrecy::SecretString;
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr},
    num::NonZeroU32,
    str::FromStr,
    time::Duration,
};

/// Numbers in a vector of Gemini unless the settings say otherwise: its own recommendation for a
/// quarter of the memory of all 3,072.
const GEMINI_DIMENSIONS: usize = 768;
/// Region of a bucket unless the settings say otherwise: Amazon's first one, and what services that
/// have no regions expect.
const S3_REGION: &str = "us-east-1";
/// Most numbers a vector may have; the largest models answer 4,096.
const DIMENSIONS_MAX: usize = 8_192;

/// The settings of how long values are kept.
const CACHE_SECONDS: [(Namespace, &str); 7] = [
    (Namespace::Rag, "CACHE_RAG_SECONDS"),
    (Namespace::Analytics, "CACHE_ANALYTICS_SECONDS"),
    (Namespace::Materials, "CACHE_MATERIALS_SECONDS"),
    (Namespace::Profile, "CACHE_PROFILE_SECONDS"),
    (Namespace::Conversation, "CACHE_CONVERSATION_SECONDS"),
    (Namespace::Embedding, "CACHE_EMBEDDING_SECONDS"),
    (Namespace::Extracted, "CACHE_EXTRACTED_SECONDS"),
];
/// Thirty days: kept longer, a value only takes room.
const CACHE_MAX_SECONDS: u64 = 30 * 24 * 60 * 60;

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

    /// `CACHE`, `CACHE_MEMORY_MB`, `CACHE_..._SECONDS`, `CACHE_SIMILAR_PERCENT` and `REDIS_URL`.
    pub fn cache(&self) -> Result<CacheConfig, ConfigError> {
        let mut ttls = Ttls::default();
        for (namespace, name) in CACHE_SECONDS {
            let seconds = self.number(name, namespace.ttl().as_secs(), 1..=CACHE_MAX_SECONDS)?;
            ttls.set(namespace, Duration::from_secs(seconds));
        }
        let redis = self.text("REDIS_URL").map(|text| RedisConfig {
            urls: text
                .split([',', ' '])
                .filter(|url| !url.is_empty())
                .map(SecretString::from)
                .collect(),
        });
        if let Some(redis) = &redis {
            redis.check().map_err(|problem| ConfigError {
                name: "REDIS_URL",
                problem,
                example: "REDIS_URL=redis://127.0.0.1:6379, or rediss://user:password@host:6379; the nodes of a cluster with commas between them".to_owned(),
            })?;
        }
        let similar = self.number("CACHE_SIMILAR_PERCENT", 0_u8, 0..=100)?;
        let similar_questions = (similar > 0).then(|| f32::from(similar) / 100.0);
        Ok(CacheConfig {
            is_on: self.choice("CACHE", &[("on", true), ("off", false)])?,
            memory_bytes: self.number("CACHE_MEMORY_MB", 64_u64, 1..=1_048_576)? * MB,
            ttls,
            redis,
            similar_questions,
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

    /// `ASSET_BASE_URL`, if it is set.
    pub fn asset_base_url(&self) -> Result<Option<AssetBase>, ConfigError> {
        let Some(text) = self.text("ASSET_BASE_URL") else {
            return Ok(None);
        };
        let wrong = |problem: &str| ConfigError {
            name: "ASSET_BASE_URL",
            problem: format!("is {text:?}, but {problem}"),
            example: "ASSET_BASE_URL=https://cdn.example.org/studyin".to_owned(),
        };
        let uri: http::Uri = text.parse().map_err(|_| wrong("is not an address"))?;
        let scheme = match uri.scheme_str() {
            Some(scheme @ ("https" | "http")) => scheme,
            _ => return Err(wrong("must begin with https:// or http://")),
        };
        let authority = uri.authority().ok_or_else(|| wrong("names no host"))?;
        // It becomes part of a policy, of headers and of addresses in a page.
        let is_plain = |text: &str, others: &[u8]| {
            text.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || others.contains(&byte))
        };
        if !is_plain(authority.as_str(), b".-:[]")
            || !is_plain(uri.path(), b"/._-")
            || uri.query().is_some()
        {
            return Err(wrong(
                "must hold only a scheme, a host, perhaps a port and a folder",
            ));
        }
        let origin = format!("{scheme}://{}", authority.as_str().to_lowercase());
        let base = origin.clone() + uri.path().trim_end_matches('/');
        Ok(Some(AssetBase { origin, base }))
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

    /// `STORAGE` and what belongs to it.
    pub fn storage(&self) -> Result<StorageConfig, ConfigError> {
        const BUCKET: &str = "S3_BUCKET";
        const ENDPOINT: &str = "S3_ENDPOINT";
        const REGION: &str = "S3_REGION";
        const KEY_ID: &str = "S3_ACCESS_KEY_ID";
        const SECRET: &str = "S3_SECRET_ACCESS_KEY";
        const PREFIX: &str = "S3_PREFIX";
        if !self.choice("STORAGE", &[("local", false), ("s3", true)])? {
            let given = [BUCKET, ENDPOINT, REGION, KEY_ID, SECRET, PREFIX]
                .iter()
                .any(|name| self.text(name).is_some());
            if !given {
                return Ok(StorageConfig::Local);
            }
            return Err(ConfigError {
                name: "STORAGE",
                problem: "is local, but an S3_ setting is there, which would do nothing".to_owned(),
                example: "STORAGE=s3, or remove the S3_ settings".to_owned(),
            });
        }
        let needed = |name, example: &str| {
            self.text(name).ok_or_else(|| ConfigError {
                name,
                problem: "is missing, and STORAGE=s3 needs it".to_owned(),
                example: example.to_owned(),
            })
        };
        let bucket = needed(BUCKET, "S3_BUCKET=studyin")?;
        let is_plain = |text: &str, more: &str| {
            text.chars()
                .all(|c| c.is_ascii_alphanumeric() || more.contains(c))
        };
        if !is_plain(&bucket, "-._") {
            return Err(ConfigError {
                name: BUCKET,
                problem: format!("is {bucket:?}, which is no name of a bucket"),
                example: "S3_BUCKET=studyin".to_owned(),
            });
        }
        let region = self.text(REGION).unwrap_or_else(|| S3_REGION.to_owned());
        if !is_plain(&region, "-_") {
            return Err(ConfigError {
                name: REGION,
                problem: format!("is {region:?}, which is no name of a region"),
                example: "S3_REGION=eu-central-1".to_owned(),
            });
        }
        let prefix = self.text(PREFIX).unwrap_or_default();
        let prefix = prefix.trim_matches('/');
        let is_path = prefix.is_empty()
            || prefix
                .split('/')
                .all(|part| !matches!(part, "" | "." | "..") && is_plain(part, "-._"));
        if !is_path {
            return Err(ConfigError {
                name: PREFIX,
                problem: format!(
                    "is {prefix:?}, but must be words of letters, digits, - . and _ with / between them"
                ),
                example: "S3_PREFIX=school/studyin".to_owned(),
            });
        }
        let endpoint = self.text(ENDPOINT).map(|text| s3_endpoint(ENDPOINT, &text));
        Ok(StorageConfig::S3(S3Config {
            endpoint: endpoint.transpose()?,
            access_key_id: needed(
                KEY_ID,
                "S3_ACCESS_KEY_ID= and the id of a key of the bucket",
            )?,
            secret_access_key: needed(SECRET, "S3_SECRET_ACCESS_KEY= and the secret of that key")?
                .into(),
            prefix: prefix.to_owned(),
            region,
            bucket,
        }))
    }
}

/// The address of a service that speaks S3: a host, since the bucket is a setting of its own, and no
/// key, since addresses are logged.
fn s3_endpoint(name: &'static str, text: &str) -> Result<reqwest::Url, ConfigError> {
    let example = "http://127.0.0.1:9000";
    let url = http_address(name, text, example)?;
    let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    if is_bare && url.username().is_empty() && url.password().is_none() {
        return Ok(url);
    }
    Err(ConfigError {
        name,
        problem: "must hold only a scheme, a host and perhaps a port".to_owned(),
        example: format!("{name}={example}"),
    })
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
